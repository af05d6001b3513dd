import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Recorded, blankAggregate, contentTable, decode } from './catalogue.js';
import { type Envelope, hashOf } from './event.js';
import { bucketOf, isUuid, parseStream } from './ids.js';

// One stored example of every event type and version, as the log holds it. A line is never edited: what is stored under a
// type and version stays readable for ever. A new version adds lines, and their hashes, at the end.

const lines = readFileSync(new URL('./golden.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');
const stored: readonly Envelope[] = lines.map((line) => JSON.parse(line));

const pins = [
  'RolesGranted mlW7-r3iHKTHyq4y3DgroWN3p4k-UN0-PjxQGm_3Efw',
  'UserRegistered 0foEBziJf0ks9-gUaHhgaEPqzfd5y9WSxvA0ks-AEXs',
  'ConversationStarted homyRe3vNoKohdsQVu2fi6Ugr0H9G7OlcsosHjq48Iw',
  'MessagePosted 0GRn2kSGdGOh2DELz6-kR9dyu00rPldIn-XD8jObkX4',
  'ReplyRequested iFvVUTO_WbNoUiujvQOyRdVkEZxnk6E-EdwXkHehZ_8',
  'ReplyStarted lljptLFzqLuLOXCeWID6qhEZxYmCV-4maOQisNRPOUg',
  'ReplyCompleted hdwjOxhV_iD5ozTZ9d3Yu6YI29h0Nv7bbQfxay-nPnE',
  'MessagePosted mVY7TXYN_DuQWWvUacdihqRwJRS3KsYOG8ZupfQ5oqY',
  'ReplyRequested ihBeaV-vRytl8PUuFU6he_CL88UCyc7V4uP0hpDj22w',
  'ReplyStarted lpKr6xNv6ZhZmjjuoQPgIW1XyLyWC1OK--mmHKSzvug',
  'ReplyStopRequested _qH-zNCZ2HsbYyOVBPVBvyTCdVxriTl5NDYLnYZirO4',
  'ReplyStopped Adl81Lpf56VMf5Vmgxdy3SzjihiCTgxeF5zwDo67TjI',
  'MessagePosted NHDTxcJRTYGayEpk8K_wEeXbQI-_U81Abd9EQotCy0E',
  'ReplyRequested N7PTGKM-0HlGh1YtLV2JpM0sIAUrUq4jbdgDKsqc3RY',
  'ReplyStarted QgDzzUFWvRBkBsNm2rf5SzSV9RZI2bL2_yt2MmHr5YE',
  'ReplyStarted 7yZ4Yqt31GONkqAtkjP-BrS1fTSvzNoFSj_HW5hysy4',
  'ReplyFailed tboG0wmc274zQgxMaxPnjxsAsXDMk9qo65tyuI7PWsg',
  'ConversationRead yMdaNK6X-8Yeb43yOcsE8a2aGV64BPZQ2fIjU10klgI',
  'ConversationRenamed RqDEFsMFEiDdO_89wueNHhRJu2-sXfAvxOIVLf46luU',
  'ConversationDeleted T31avT-NwL-5ruiPC15BnPJZSdlAjNejjkdt9nJIB8E',
];

/** Over the very bytes of a line, whatever they mean. */
const pinOf = (line: string): string => createHash('sha256').update(line).digest('base64url');

const tables: ReadonlyMap<string, Readonly<Record<string, 'sealed' | 'clear'>>> = new Map(Object.entries(contentTable));

/** The values of an event's fields of one kind. */
const fieldsOf = ({ type, data }: Recorded, kind: 'sealed' | 'clear'): readonly unknown[] =>
  Object.entries(data)
    .filter(([field]) => tables.get(type)?.[field] === kind)
    .map(([, value]: [string, unknown]) => value);

/** Every object in a value, itself included. */
function objectsIn(value: unknown): readonly object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

const boxesIn = (value: unknown) =>
  objectsIn(value).filter(
    (found): found is { key: unknown; content: unknown; box: string } =>
      'key' in found && 'content' in found && 'box' in found && typeof found.box === 'string',
  );

describe('the golden events', () => {
  it('are as they were written', () => {
    expect(lines.map((line, at) => `${stored[at]?.type} ${pinOf(line)}`)).toEqual(pins);
  });

  it('have an example of every type that there is', () => {
    expect(new Set(stored.map(({ type }) => type))).toEqual(new Set(tables.keys()));
  });

  it('can be read and folded', () => {
    const streams = new Map<string, ReturnType<typeof blankAggregate>>();
    for (const event of stored.map(decode)) {
      streams.set(event.stream, (streams.get(event.stream) ?? blankAggregate(event.stream)).evolve(event));
    }
    const states = [...streams.values()].map(({ state }) => state);
    const user = '18fe5d5b-48ae-5854-9d02-12354c33bbab';
    expect(states).toMatchObject([
      { granted: { [user]: 'user,analyst,ops' } },
      { registered: true },
      { status: 'deleted', starter: user, messages: 6 },
      { read: 6 },
    ]);
  });

  it('number and chain each stream', () => {
    const last = new Map<string, Envelope>();
    for (const event of stored) {
      const before = last.get(event.stream);
      expect(event.version).toBe((before?.version ?? 0) + 1);
      expect(event.previous).toBe(before ? hashOf(before) : '');
      last.set(event.stream, event);
    }
    expect(last.size).toBe(4);
  });

  it('have ids in the bucket of their stream, and times that never run backwards', () => {
    for (const { id, stream, cause, correlation } of stored) {
      expect([id, cause, correlation].every(isUuid)).toBe(true);
      expect(bucketOf(id)).toBe(bucketOf(parseStream(stream).id));
    }
    const times = stored.map(({ at }) => at);
    expect(times).toEqual(times.toSorted());
    expect(times).toEqual(times.map((at) => new Date(at).toISOString()));
  });

  it('have the fields of the content table, no more and no less', () => {
    for (const { type, data } of stored) {
      expect([type, ...Object.keys(data).toSorted()]).toEqual([
        type,
        ...Object.keys(tables.get(type) ?? {}).toSorted(),
      ]);
    }
  });

  it('are sealed where the table says so: a box with a nonce, a tag and something in between, and its place', () => {
    for (const event of stored.map(decode)) {
      for (const field of fieldsOf(event, 'sealed')) {
        // Of a list of parts, possibly empty, each holds one box; everything else is one box itself.
        const boxes = boxesIn(field);
        expect(boxes).toHaveLength(Array.isArray(field) ? field.length : 1);
        for (const { key, content, box } of boxes) {
          expect(key).toMatch(/^user-[0-9a-f-]{36}$/);
          expect(content).toMatch(/^[0-9a-f-]{36}\/(name|title|\d+)$/);
          expect(Buffer.from(box, 'base64').length).toBeGreaterThan(12 + 16);
          expect(Buffer.from(box, 'base64').toString('base64')).toBe(box);
        }
      }
    }
  });

  it('hold nothing sealed where the table says clear', () => {
    for (const event of stored.map(decode)) {
      for (const field of fieldsOf(event, 'clear')) expect(boxesIn(field)).toEqual([]);
    }
  });
});
