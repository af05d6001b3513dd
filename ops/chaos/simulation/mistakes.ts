import { type Uuid, bucketOf, inBucket, randomUuid, timedId } from '../../../domain/ids.js';
import type { CommandClient } from '../../../commands/client/client.js';
import { type CommandSource, type Incoming, Refused } from '../../../commands/command.js';
import { type Fence, pass } from '../../../commands/log/fence.js';
import type { Cursor, Entry, Log, Placed } from '../../../commands/log/log.js';
import type { Disk } from '../../../commands/log/memory.js';
import { startOfLog } from '../../../commands/log/store.js';
import type { Shelf } from '../../../commands/snapshots/memory.js';
import type { Checkpoint, Snapshots } from '../../../commands/snapshots/snapshots.js';
import type { ChannelRules } from './channel.js';
import type { Process } from './process.js';
import type { Scene } from './scene.js';

/** A mistake is planted by wrapping what a part of the world is given. The code under test knows nothing of it. */
export type Mistake = {
  readonly log?: (log: Log, place: Place) => Log;
  readonly snapshots?: (snapshots: Snapshots, place: Place) => Snapshots;
  readonly source?: (source: CommandSource, place: Place) => CommandSource;
  readonly client?: (client: CommandClient, place: Place) => CommandClient;
  readonly reactor?: (client: CommandClient, place: Place) => CommandClient;
  readonly channel?: Partial<ChannelRules>;
  /** What the store of snapshots holds after it went back to what it held before. */
  readonly goesBack?: (now: Shelf, before: Shelf) => Shelf;
};

export type Place = { readonly process: Process; readonly scene: Scene; readonly disk: Disk };

const HOUR = 3_600_000;

const isTakeover = ([first]: readonly Entry[]): boolean => first?.kind === 'takeover';

/** A log whose batches are changed on their way; takeovers are left alone. */
const changing =
  (change: (entry: Entry) => Entry) =>
  (log: Log): Log => ({
    ...log,
    append: (partition, batch) => log.append(partition, isTakeover(batch) ? batch : batch.map(change)),
  });

/** A log that is read by another rule than the fence's. */
const readingBy =
  (rule: (fence: Fence, entry: Entry) => { fence: Fence; valid: boolean }) =>
  (log: Log, { disk }: Place): Log => ({
    ...log,
    async *read(partition, from: Cursor = startOfLog, options = {}) {
      if (options.follow === true) return yield* log.read(partition, from, options);
      await log.end(partition);
      let { fence } = from;
      const records: Placed[] = [];
      const file = disk.files[partition] ?? [];
      for (const [offset, entry] of file.entries()) {
        if (offset < from.offset) continue;
        const passed = rule(fence, entry);
        fence = passed.fence;
        if (passed.valid) records.push({ offset, entry });
      }
      yield { records, next: { offset: file.length, fence } };
    },
  });

/** What a process has taken, so that a wrapped log can see it. */
const underWay = new WeakMap<Process, readonly Incoming[]>();

export const mistakes = {
  /** A batch is acknowledged, waits in a buffer, and is lost with the process. */
  'acknowledges before it is durable': {
    log: (log, { process, scene, disk }) => ({
      ...log,
      append: async (partition, batch) => {
        if (isTakeover(batch)) return log.append(partition, batch);
        const base = await log.end(partition);
        scene.clock.after(scene.dice.int(1, 200), () => process.alive && void disk.log.append(partition, batch));
        return base;
      },
    }),
  },

  /** A broker that was behind becomes the leader: what only the old one had is gone. */
  'loses the end of the log': {
    log: (log, { scene, disk }) => ({
      ...log,
      append: async (partition, batch) => {
        const base = await log.append(partition, batch);
        const file = disk.files[partition];
        if (!isTakeover(batch) && scene.dice.chance(0.05)) {
          scene.clock.after(scene.dice.int(50, 2_000), () => file?.splice(-1));
        }
        return base;
      },
    }),
  },

  /** A batch is not one request: its first records land without the others. */
  'tears a batch': {
    log: (log, { scene, disk }) => ({
      ...log,
      append: async (partition, batch) => {
        if (batch.length === 1 || !scene.dice.chance(0.2)) return log.append(partition, batch);
        disk.files[partition]?.push(...batch.slice(0, scene.dice.int(1, batch.length - 1)));
        throw new Error('the connection was lost in mid-batch');
      },
    }),
  },

  /** The fence without its compare-and-set: whoever wrote the last takeover owns. */
  'lets the latest takeover win': {
    log: readingBy((fence, entry) => {
      if (entry.kind !== 'takeover') return pass(fence, entry);
      const { term, owner } = entry.header;
      return { fence: { term, owner, batch: 0, index: 0 }, valid: true };
    }),
  },

  /** No fence at all for those who read. */
  'reads void records': { log: readingBy((fence, entry) => ({ fence: pass(fence, entry).fence, valid: true })) },

  /** Rejections are answered, and not remembered. */
  'keeps no rejections': {
    log: changing((entry) =>
      'outcomes' in entry
        ? { ...entry, outcomes: (entry.outcomes ?? []).filter(({ outcome }) => outcome.status === 'accepted') }
        : entry,
    ),
  },

  /** A batch says that it covers more commands than it has decided. */
  'covers too much': {
    log: changing((entry) => (entry.covered === undefined ? entry : { ...entry, covered: entry.covered + 3 })),
    channel: { resume: 'covered' },
  },

  /** After an error nothing is known; it says that nothing was done. */
  'refuses what may still land': {
    source: (source, { process }) => ({
      serve: (taker) =>
        source.serve({
          ...taker,
          decide: (partition, incoming, hold) => {
            underWay.set(process, incoming);
            return taker.decide(partition, incoming, hold);
          },
        }),
    }),
    log: (log, { process }) => ({
      ...log,
      append: async (partition, batch) => {
        try {
          return await log.append(partition, batch);
        } catch (error) {
          const refusal = new Refused('UNAVAILABLE', 'It did not work out. Send it again in a moment.');
          if (!isTakeover(batch)) for (const { refuse } of underWay.get(process) ?? []) refuse(refusal);
          throw error;
        }
      },
    }),
  },

  /** The group's offset leads: what was taken counts as done. */
  'commits offsets before the append': { channel: { resume: 'committed', commitsEarly: true } },

  /** What came of commands is kept in memory alone. */
  'does not restore outcomes': {
    snapshots: (snapshots) => ({
      ...snapshots,
      load: async (home, wanted) => ({ ...(await snapshots.load(home, wanted)), outcomes: new Map() }),
    }),
  },

  /** Outcomes are kept for an hour, deadlines may lie seven days ahead. */
  'forgets outcomes too early': {
    snapshots: (snapshots) => ({
      ...snapshots,
      flush: (home, from, to, changes) =>
        snapshots.flush(home, from, to, {
          ...changes,
          forget: to.at === '' ? '' : new Date(Date.parse(to.at) - HOUR).toISOString(),
        }),
    }),
  },

  /** A flush moves the checkpoint and leaves a row behind. */
  'claims a newer checkpoint than its rows': {
    snapshots: (snapshots) => ({
      ...snapshots,
      flush: (home, from, to, changes) =>
        snapshots.flush(home, from, to, { ...changes, streams: changes.streams.slice(1) }),
    }),
  },

  /** The store goes back, and keeps the checkpoint that it had. */
  'lies about having gone back': {
    goesBack: (now, before) =>
      new Map(
        [...before].map(([key, home]) => [key, { ...home, checkpoint: now.get(key)?.checkpoint ?? home.checkpoint }]),
      ),
  },

  /** A flush is answered before it is done, so that streams are evicted that the store does not have yet. */
  'evicts what is not stored': {
    snapshots: (snapshots, { scene }) => {
      const claimed = new Map<number, Checkpoint>();
      return {
        ...snapshots,
        load: async (home, wanted) => {
          const loaded = await snapshots.load(home, wanted);
          return { ...loaded, checkpoint: claimed.get(home) ?? loaded.checkpoint };
        },
        flush: async (home, from, to, changes) => {
          claimed.set(home, to);
          scene.clock.after(scene.dice.int(100, 3_000), () => {
            if (claimed.get(home) === to) claimed.delete(home);
            void snapshots.flush(home, from, to, changes);
          });
          return true;
        },
      };
    },
  },

  /** A flush asks nobody whether the store is still where this worker left it. */
  'flushes without compare-and-set': {
    snapshots: (snapshots) => ({
      ...snapshots,
      flush: async (home, _, to, changes) =>
        snapshots.flush(home, (await snapshots.load(home, {})).checkpoint, to, changes),
    }),
  },

  /** The newest time of the log is not known after a takeover, so that a slow clock is not noticed. */
  'lets time run back on a takeover': {
    snapshots: (snapshots) => ({
      ...snapshots,
      load: async (home, wanted) => {
        const { checkpoint, ...loaded } = await snapshots.load(home, wanted);
        return { ...loaded, checkpoint: checkpoint && { ...checkpoint, at: '' } };
      },
    }),
    log: (log, { process }) => ({
      ...log,
      append: (partition, batch) =>
        log.append(
          partition,
          batch.map((entry) =>
            entry.kind === 'takeover' ? { ...entry, at: new Date(process.now()).toISOString() } : entry,
          ),
        ),
    }),
  },

  /** A device that got no answer sends the same wish under another name. */
  'makes a new id on retry': {
    client: (client, { process, scene }) => {
      const sent = new Set<Uuid>();
      return {
        send: (draft) => {
          if (!sent.has(draft.id)) {
            sent.add(draft.id);
            return client.send(draft);
          }
          return client.send({ ...draft, id: timedId(process.now(), scene.dice.bytes(16), bucketOf(draft.id)) });
        },
      };
    },
  },

  /** The commands of reactors have names that nobody can find again. */
  'draws the ids of reactors': {
    reactor: (client, { scene }) => ({
      send: async (draft) => {
        const id = inBucket(randomUuid(scene.dice.bytes(16)), bucketOf(draft.id));
        const sent = await client.send({ ...draft, id });
        // An answer may always be lost. The more of them are, the sooner it shows.
        return scene.dice.chance(0.2) ? { status: 'pending', command: id } : sent;
      },
    }),
  },
} as const satisfies Readonly<Record<string, Mistake>>;

export type MistakeName = keyof typeof mistakes;

export const isMistake = (name: string): name is MistakeName => Object.hasOwn(mistakes, name);

/** A mistake by its name. */
export const mistakeOf = (name: MistakeName): Mistake => mistakes[name];
