import { describe, expect, it } from 'vitest';
import { blankAggregate, decode, schemaOf } from './catalogue.js';
import { hashOf, sha256 } from './event.js';
import type { Envelope } from './event.js';
import { instanceStream, streamKinds, streamOf } from './ids.js';
import { clientId } from './testing.js';

const deleted: Envelope = {
  id: clientId(1),
  type: 'ConversationDeleted',
  schema: 1,
  stream: streamOf('conversation', clientId(2)),
  version: 4,
  at: '2026-01-01T00:00:00.000Z',
  actor: clientId(3),
  cause: clientId(4),
  correlation: clientId(4),
  previous: 'x',
  data: { by: clientId(3) },
};

describe('reading a stored event', () => {
  it('gives back what this code knows', () => {
    expect(decode(deleted)).toBe(deleted);
    expect(schemaOf(deleted.type)).toBe(deleted.schema);
  });

  it.each([
    { ...deleted, type: 'ConversationPainted' },
    { ...deleted, type: 'toString' },
    { ...deleted, schema: 2 },
    { ...deleted, schema: 0 },
    { ...deleted, schema: 0.5 },
    { ...deleted, type: 'ConversationStarted', schema: 3 },
  ])('refuses what newer code wrote: $type version $schema', (event) => {
    expect(() => decode(event)).toThrow(/newer code wrote it/);
  });

  it('refuses an unknown type without a version too', () => {
    const bare: Envelope = { ...deleted, type: 'ConversationPainted' };
    Reflect.deleteProperty(bare, 'schema');
    expect(() => decode(bare)).toThrow(/newer code wrote it/);
  });
});

describe('an aggregate', () => {
  it.each(streamKinds)('begins blank, and again for every stream: %s', (kind) => {
    const stream = kind === 'instance' ? instanceStream : streamOf(kind, clientId(1));
    expect(blankAggregate(stream)).toBe(blankAggregate(stream));
  });

  it('takes neither events nor commands of another', () => {
    const user = blankAggregate(streamOf('user', clientId(1)));
    expect(() => user.evolve(deleted)).toThrow(/does not belong/);
    const command = { type: 'DeleteConversation', data: {}, actor: clientId(1), id: clientId(1) };
    expect(() => user.decide(command)).toThrow(/does not belong/);
    expect(() => user.decide({ ...command, type: 'toString' })).toThrow(/does not belong/);
  });

  it('is not changed by what it decides or folds', () => {
    const before = blankAggregate(deleted.stream);
    const after = before.evolve(deleted);
    expect(before.state).toMatchObject({ status: 'absent' });
    expect(after.state).toMatchObject({ status: 'deleted' });
  });

  it('has no blank state where there is no such stream', () => {
    expect(() => blankAggregate('message-1')).toThrow(/not the name of a stream/);
  });
});

describe('the hash of an event', () => {
  it('does not depend on the order of its fields, and does on everything else', () => {
    const turned: object = Object.fromEntries(Object.entries(deleted).toReversed());
    expect(hashOf(turned)).toBe(hashOf(deleted));
    expect(hashOf({ ...deleted, data: { by: clientId(9) } })).not.toBe(hashOf(deleted));
    expect(hashOf({ ...deleted, previous: 'y' })).not.toBe(hashOf(deleted));
  });

  it('is that of the event as it is read back', () => {
    const written = { ...deleted, data: { text: 'ä\ud83d\ude42\u0000', number: -0, gone: undefined, none: NaN } };
    expect(hashOf(JSON.parse(JSON.stringify(written)))).toBe(hashOf(written));
  });

  it('is SHA-256 of the canonical JSON', () => {
    expect(sha256({ b: [1], a: 'x' })).toBe('bBdmdBbk5r5uzIM0tL9MCeZ2PLUeV6D8Pi3-cuxx-oE');
  });
});
