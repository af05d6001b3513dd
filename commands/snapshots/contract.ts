import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Stream, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import type { Changes, Checkpoint, Known, Snapshots } from './snapshots.js';

const HOME = 1;

export const checkpointAt = (offset: number, more: Partial<Checkpoint> = {}): Checkpoint => ({
  log: clientId(0),
  cursor: { offset, fence: { term: 1, owner: clientId(9), batch: offset, index: 0 } },
  at: '2026-01-01T00:00:00.000Z',
  covered: 10 * offset,
  ...more,
});

const known = (at = '2026-01-01T00:00:00.000Z'): Known => ({
  hash: 'h',
  outcome: { status: 'rejected', code: 'CONFLICT', message: 'It has gone on.', head: clientId(3) },
  offset: 7,
  at,
});

const stream = (n: number): Stream => streamOf('conversation', clientId(n));

const changes = (more: Partial<Changes> = {}): Changes => ({ streams: [], outcomes: [], forget: '', ...more });

const changed = (n: number, version: number, chunks: readonly (readonly [number, unknown])[] = []) => ({
  stream: stream(n),
  version,
  hash: `hash ${version}`,
  bare: { status: 'open', text: "it's \u0000 ü", tree: [] },
  chunks: new Map(chunks),
});

/** What every store of snapshots must do. `open` opens the same store for a version of the states. */
export function snapshotsContract(open: (state: number) => Snapshots | Promise<Snapshots>): void {
  let store: Snapshots;
  beforeEach(async () => {
    store = await open(1);
  });
  afterEach(() => store.close());

  describe('a store', () => {
    it('is empty at first', async () => {
      const loaded = await store.load(HOME, {
        streams: [stream(1)],
        chunks: [{ stream: stream(1), chunk: 0 }],
        outcomes: ['a'],
      });
      expect(loaded).toEqual({ checkpoint: undefined, streams: new Map(), chunks: [], outcomes: new Map() });
    });

    it('gives back what was flushed, and of it only what is wanted', async () => {
      const one = changed(1, 3, [
        [0, { ids: ['a'], values: [1] }],
        [1, { ids: [], values: [] }],
      ]);
      const outcomes = [
        { name: 'ada 1', ...known() },
        { name: 'ada 2', ...known() },
      ];
      expect(
        await store.flush(HOME, undefined, checkpointAt(5), changes({ streams: [one, changed(2, 1)], outcomes })),
      ).toBe(true);
      const loaded = await store.load(HOME, {
        streams: [stream(1), stream(3)],
        chunks: [
          { stream: stream(1), chunk: 1 },
          { stream: stream(2), chunk: 0 },
        ],
        outcomes: ['ada 2', 'ada 3'],
      });
      const { version, hash, bare } = one;
      expect(loaded).toEqual({
        checkpoint: checkpointAt(5),
        streams: new Map([[stream(1), { version, hash, bare }]]),
        chunks: [{ stream: stream(1), chunk: 1, body: { ids: [], values: [] } }],
        outcomes: new Map([['ada 2', known()]]),
      });
    });

    it('replaces what changed and keeps what did not', async () => {
      await store.flush(
        HOME,
        undefined,
        checkpointAt(5),
        changes({
          streams: [
            changed(1, 1, [
              [0, 'a'],
              [1, 'b'],
            ]),
            changed(2, 1),
          ],
        }),
      );
      await store.flush(HOME, checkpointAt(5), checkpointAt(6), changes({ streams: [changed(1, 2, [[1, 'c']])] }));
      const wanted = [0, 1].map((chunk) => ({ stream: stream(1), chunk }));
      const { checkpoint, streams, chunks } = await store.load(HOME, {
        streams: [stream(1), stream(2)],
        chunks: wanted,
      });
      expect(checkpoint).toEqual(checkpointAt(6));
      expect([...streams.values()].map(({ version }) => version)).toEqual([2, 1]);
      expect(chunks.map(({ body }) => body)).toEqual(['a', 'c']);
    });

    it.each([
      ['none', undefined],
      ['an older one', checkpointAt(4)],
      [
        'one of another fence',
        checkpointAt(5, {
          cursor: { ...checkpointAt(5).cursor, fence: { term: 2, owner: clientId(8), batch: 0, index: 0 } },
        }),
      ],
      ['one of another log', checkpointAt(5, { log: clientId(1) })],
    ])('writes nothing where it is at another checkpoint than %s', async (_, from) => {
      await store.flush(HOME, undefined, checkpointAt(5), changes());
      const late = changes({ streams: [changed(1, 1, [[0, 'x']])], outcomes: [{ name: 'late', ...known() }] });
      expect(await store.flush(HOME, from, checkpointAt(9), late)).toBe(false);
      const { checkpoint, streams, chunks, outcomes } = await store.load(HOME, {
        streams: [stream(1)],
        chunks: [{ stream: stream(1), chunk: 0 }],
        outcomes: ['late'],
      });
      expect(checkpoint).toEqual(checkpointAt(5));
      expect([streams.size, chunks.length, outcomes.size]).toEqual([0, 0, 0]);
    });

    it('forgets outcomes from before a time, and those alone', async () => {
      const at = (day: number): string => `2026-01-0${day}T00:00:00.000Z`;
      const outcomes = [1, 2, 3].map((day) => ({ name: `day ${day}`, ...known(at(day)) }));
      await store.flush(HOME, undefined, checkpointAt(5), changes({ outcomes }));
      await store.flush(HOME, checkpointAt(5), checkpointAt(6), changes({ forget: at(2) }));
      const { outcomes: left } = await store.load(HOME, { outcomes: outcomes.map(({ name }) => name) });
      expect([...left.keys()]).toEqual(['day 2', 'day 3']);
    });

    it('keeps homes apart, and clears one alone', async () => {
      for (const home of [HOME, 2])
        await store.flush(home, undefined, checkpointAt(home), changes({ streams: [changed(1, home)] }));
      await store.clear(HOME);
      expect(await store.load(HOME, { streams: [stream(1)] })).toMatchObject({
        checkpoint: undefined,
        streams: new Map(),
      });
      expect(await store.load(2, { streams: [stream(1)] })).toMatchObject({
        checkpoint: checkpointAt(2),
        streams: { size: 1 },
      });
      expect(await store.flush(HOME, undefined, checkpointAt(1), changes())).toBe(true);
    });

    it('holds versions of the states beside each other until one retires the older ones of its home', async () => {
      const newer = await open(2);
      for (const [each, offset] of [
        [store, 5],
        [newer, 7],
      ] as const) {
        for (const home of [HOME, 2]) {
          await each.flush(
            home,
            undefined,
            checkpointAt(offset),
            changes({ streams: [changed(1, offset)], outcomes: [{ name: 'a', ...known() }] }),
          );
        }
      }
      const wanted = { streams: [stream(1)], outcomes: ['a'] };
      expect(await store.load(HOME, wanted)).toMatchObject({ checkpoint: checkpointAt(5), outcomes: { size: 1 } });
      expect(await newer.load(HOME, wanted)).toMatchObject({ checkpoint: checkpointAt(7) });
      // One that is older, or as old, retires nobody.
      await store.retireOlder(HOME);
      expect(await newer.load(HOME, wanted)).toMatchObject({ checkpoint: checkpointAt(7), outcomes: { size: 1 } });
      expect(await store.load(HOME, wanted)).toMatchObject({ checkpoint: checkpointAt(5), outcomes: { size: 1 } });
      await newer.retireOlder(HOME);
      expect(await store.load(HOME, wanted)).toEqual({
        checkpoint: undefined,
        streams: new Map(),
        chunks: [],
        outcomes: new Map(),
      });
      expect(await store.load(2, wanted)).toMatchObject({ checkpoint: checkpointAt(5) });
      expect(await newer.load(HOME, wanted)).toMatchObject({ checkpoint: checkpointAt(7) });
      await newer.close();
    });

    it('retires all older versions of the states at once', async () => {
      const older = [await open(0), store];
      for (const each of older) {
        await each.flush(HOME, undefined, checkpointAt(5), changes({ streams: [changed(1, 1)] }));
      }
      const newest = await open(2);
      await newest.retireOlder(HOME);
      for (const each of [...older, newest]) {
        const { checkpoint, streams } = await each.load(HOME, { streams: [stream(1)] });
        expect([checkpoint, streams.size]).toEqual([undefined, 0]);
      }
      for (const each of [older[0], newest]) await each?.close();
    });

    it('takes many streams and names at once', async () => {
      const all = Array.from({ length: 2_000 }, (_, n) => n);
      const streams = all.map((n) => changed(n, n + 1));
      await store.flush(
        HOME,
        undefined,
        checkpointAt(5),
        changes({ streams, outcomes: all.map((n) => ({ name: `c ${n}`, ...known() })) }),
      );
      const loaded = await store.load(HOME, { streams: all.map(stream), outcomes: all.map((n) => `c ${n}`) });
      expect([loaded.streams.size, loaded.outcomes.size]).toEqual([2_000, 2_000]);
    });
  });
}
