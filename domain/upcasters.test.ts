import { describe, expect, it } from 'vitest';
import { blankAggregate, decode, schemaOf } from './catalogue.js';
import { contentOf, personKey } from './content.js';
import { type Envelope, hashOf } from './event.js';
import { streamOf } from './ids.js';
import { clientId, sealedText } from './testing.js';
import { type Upcaster, chainsOf, newestOf, upcast, upcasters } from './upcasters.js';

const [ada, id] = [clientId(1), clientId(2)];
const title = sealedText(personKey(ada), contentOf.title(id));

/** A conversation as it was started before it could say when it ends. */
const old = (temporary: boolean): Envelope => ({
  id: clientId(3),
  type: 'ConversationStarted',
  schema: 1,
  stream: streamOf('conversation', id),
  version: 1,
  at: '2026-01-15T10:00:00.000Z',
  actor: ada,
  cause: clientId(4),
  correlation: clientId(4),
  previous: '',
  data: { starter: ada, title, chars: 7, temporary },
});

const step = (from: number, to: number, type = 'Painted'): Upcaster => ({
  type,
  from,
  to,
  up: (stored) => ({ ...stored, schema: to, data: { ...stored.data, [`v${to}`]: from } }),
});
const types = new Set(['Painted', 'Framed']);

describe('an old conversation', () => {
  it('is read as one without an end, or with one 30 days on, and as nobody’s fork', () => {
    const now = (expires: string | null) => ({
      ...old(false),
      schema: 2,
      data: { starter: ada, title, chars: 7, expires, origin: null },
    });
    expect(decode(old(false))).toEqual(now(null));
    expect(decode(old(true))).toEqual(now('2026-02-14T10:00:00.000Z'));
    expect(schemaOf('ConversationStarted')).toBe(2);
  });

  it('stays in the log as it is: so does its hash', () => {
    const stored = old(true);
    const before = hashOf(stored);
    decode(stored);
    expect(hashOf(stored)).toBe(before);
    expect(hashOf(decode(stored))).not.toBe(before);
  });

  it('folds as a new one does', () => {
    const folded = (event: Envelope) => blankAggregate(event.stream).evolve(decode(event)).state;
    expect(folded(old(true))).toMatchObject({ status: 'open', temporary: true, forked: false });
    expect(folded(old(false))).toMatchObject({ status: 'open', temporary: false, forked: false });
  });
});

describe('a chain of upcasters', () => {
  it('goes from any version to the newest, step by step', () => {
    const chains = chainsOf([step(2, 3), step(1, 2), step(1, 2, 'Framed')], types);
    expect(['Painted', 'Framed', 'Hung'].map((type) => newestOf(chains, type))).toEqual([3, 2, 1]);
    const painted = { ...old(false), type: 'Painted', data: {} };
    expect(upcast(chains, painted)).toMatchObject({ schema: 3, data: { v2: 1, v3: 2 } });
    expect(upcast(chains, { ...painted, schema: 2 })).toMatchObject({ schema: 3, data: { v3: 2 } });
    expect(upcast(chains, { ...painted, schema: 3 })).toEqual({ ...painted, schema: 3 });
  });

  it.each([
    { fault: /leaves a gap/, steps: [step(2, 3)] },
    { fault: /leaves a gap/, steps: [step(1, 2), step(3, 4)] },
    { fault: /leaves a gap/, steps: [step(1, 3)] },
    { fault: /goes in a circle/, steps: [step(1, 2), step(2, 1)] },
    { fault: /goes in a circle/, steps: [step(1, 1)] },
    { fault: /is there twice/, steps: [step(1, 2), step(1, 2)] },
    { fault: /is there twice/, steps: [step(1, 2), step(1, 3)] },
    { fault: /is no event/, steps: [step(1, 2, 'toString')] },
  ])('is refused where it $fault', ({ fault, steps }) => {
    expect(() => chainsOf(steps, types)).toThrow(fault);
    expect(() => chainsOf(steps.toReversed(), types)).toThrow(fault);
  });

  it('reads nothing but what it was written for', () => {
    const [first] = upcasters;
    expect(() => first?.up({ ...old(false), schema: 2 })).toThrow(/is not what this step reads/);
    expect(() => first?.up({ ...old(false), type: 'ConversationDeleted' })).toThrow(/is not what this step reads/);
  });
});
