import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import { hashOf } from '../../domain/event.js';
import { type Answer, type Command, Refused } from '../command.js';
import type { Entry, Log } from '../log/log.js';
import { type Shelf, memorySnapshots } from '../snapshots/memory.js';
import { nameOf } from './memory.js';
import type { Owner } from './owner.js';
import {
  type Fault,
  T0,
  ask,
  doubled,
  entries,
  faulty,
  history,
  lost,
  markRead,
  openLog,
  ownerOf,
  unanswered,
} from './testing.js';

const OWNERS = 3;
const COMMANDS = 12;

/**
 * What may befall an append. `late` is an error after some time, and is written when it is released; `again` is written now
 * and once more then; `stopped` waits with its owner until that is woken.
 */
const FAULTS = ['none', 'none', 'lost', 'unanswered', 'doubled', 'late', 'again', 'stopped'] as const;

type Step =
  | {
      readonly do: 'ask';
      readonly by: readonly number[];
      readonly picks: readonly number[];
      readonly faults: readonly (typeof FAULTS)[number][];
    }
  | { readonly do: 'restart' | 'flush'; readonly owner: number }
  | { readonly do: 'release' | 'wake' | 'wait' | 'restore' };

const owner = fc.nat(OWNERS - 1);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      // One owner, or two at once.
      by: fc.uniqueArray(owner, { minLength: 1, maxLength: 2 }),
      picks: fc.array(fc.nat(COMMANDS - 1), { minLength: 1, maxLength: 6 }),
      faults: fc.array(fc.constantFrom(...FAULTS), { maxLength: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'flush' as const), owner }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('release', 'release', 'wake', 'wait', 'restore') }) },
);

/** Lets everybody go on until all that is left waits for somebody. */
const settle = async (): Promise<void> => {
  for (let turns = 0; turns < 40; turns++) await turn();
};

/** Lives through the steps on a log that fails as they say; then a fresh owner is asked for every command once more. */
async function live(steps: readonly Step[]) {
  const log = openLog();
  const clock = { now: T0 };
  const faults: (Fault | undefined)[] = [];
  const hanging: (() => Promise<number>)[] = [];
  const stopped: (() => void)[] = [];

  // The store of the owners may be put back to what it was some time ago.
  const shelf: Shelf = new Map();
  const shelves: Shelf[] = [];
  const restore = (): void => {
    const older = shelves.shift();
    if (!older) return;
    shelf.clear();
    for (const [key, home] of structuredClone(older)) shelf.set(key, home);
  };

  // What each owner wrote, by the ids of its terms.
  const writers: Set<string>[] = [];
  const fresh = (): { readonly owner: Owner; readonly ids: Set<string> } => {
    const ids = new Set<string>();
    writers.push(ids);
    const bad = faulty(log, faults);
    const noted: Log = {
      ...bad,
      append: (partition, batch) => {
        for (const { header } of batch) ids.add(header.owner);
        return bad.append(partition, batch);
      },
    };
    return { owner: ownerOf(noted, { clock, snapshots: memorySnapshots(STATE, shelf) }), ids };
  };
  const owners = Array.from({ length: OWNERS }, fresh);

  // Some of them undo what others are about, so that a wrong order shows in their outcomes; some have little time.
  const commands = Array.from({ length: COMMANDS }, (_, n) => {
    const deadline = new Date(T0 + (n % 4 === 1 ? 2_000 : 60_000)).toISOString();
    return markRead(n % 3, 1 + ((n * 5) % 7), { deadline });
  });
  const given: { readonly command: Command; readonly answer: Answer }[] = [];
  const expired: { readonly command: Command; readonly ids: ReadonlySet<string> }[] = [];

  const faultOf = (name: (typeof FAULTS)[number]): Fault | undefined => {
    switch (name) {
      case 'late':
        return (write) => {
          hanging.push(write);
          clock.now += 1_500;
          return lost(write);
        };
      case 'again':
        return (write) => {
          hanging.push(write);
          return write();
        };
      case 'stopped':
        return (write) => new Promise<void>((go) => stopped.push(go)).then(write);
      default:
        return { none: undefined, lost, unanswered, doubled }[name];
    }
  };

  const asking: Promise<void>[] = [];
  const askOne = async ({ owner: by, ids }: (typeof owners)[number], asked: readonly Command[]): Promise<void> => {
    for (const [at, answer] of (await ask(by, ...asked)).entries()) {
      const command = asked[at];
      if (!command || !answer) continue;
      if (!(answer instanceof Refused)) given.push({ command, answer });
      else if (answer.code === 'EXPIRED') expired.push({ command, ids });
    }
  };

  for (const each of steps) {
    clock.now += 1;
    switch (each.do) {
      case 'ask': {
        faults.splice(0, Infinity, ...each.faults.map(faultOf));
        const asked = each.picks.flatMap((n) => commands.slice(n, n + 1));
        asking.push(...owners.filter((_, n) => each.by.includes(n)).map((by) => askOne(by, asked)));
        break;
      }
      case 'restart':
        // Where the one before is stopped, it goes on some time, and does not know that it has been replaced.
        owners[each.owner] = fresh();
        break;
      case 'flush':
        shelves.push(structuredClone(shelf));
        // One that is stopped flushes when it goes on.
        void owners[each.owner]?.owner.flush();
        break;
      case 'release':
        await hanging.shift()?.();
        break;
      case 'wake':
        stopped.shift()?.();
        break;
      case 'wait':
        clock.now += 1_500;
        break;
      case 'restore':
        restore();
    }
    await settle();
  }
  faults.length = 0;
  while (stopped.length > 0) {
    stopped.shift()?.();
    await settle();
  }
  await Promise.all(asking);
  const final = await ask(ownerOf(log, { clock }), ...commands);
  const before = await history(log);
  for (const release of hanging) await release();
  return { commands, given, expired, final, before, after: await history(log), valid: await entries(log) };
}

const carries = (entry: Entry, { actor, id }: Command): boolean =>
  'outcomes' in entry && (entry.outcomes ?? []).some((each) => each.actor === actor && each.command === id);

it('whatever goes wrong: what is answered is so, once, for ever', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }), async (steps) => {
      const { commands, given, expired, final, before, after, valid } = await live(steps);

      // Every command has one outcome, unless its time was over before; every answer ever given is that one, with its place.
      const outcomes = new Map(commands.map((command, at) => [nameOf(command), final[at]]));
      const decided = [...outcomes].flatMap(([name, answer]) => (answer instanceof Refused ? [] : [name]));
      expect(before.outcomes.map(({ actor, command: id }) => nameOf({ actor, id })).toSorted()).toEqual(
        decided.toSorted(),
      );
      for (const { command, answer } of given) expect(answer).toEqual(outcomes.get(nameOf(command)));

      // Whoever says that a command has expired has left nothing of it behind.
      for (const { command, ids } of expired) {
        const done = valid.filter((entry) => carries(entry, command) && ids.has(entry.header.owner));
        expect(done).toEqual([]);
      }

      // The events are those of the outcomes, no more and no less, numbered and chained.
      const last = new Map<string, { readonly version: number; readonly hash: string; readonly seq: number }>();
      for (const event of before.events) {
        const earlier = last.get(event.stream) ?? { version: 0, hash: '', seq: 0 };
        expect(event).toMatchObject({ version: earlier.version + 1, previous: earlier.hash });
        const seq = 'seq' in event.data ? Number(event.data.seq) : NaN;
        expect(seq).toBeGreaterThan(earlier.seq);
        last.set(event.stream, { version: event.version, hash: hashOf(event), seq });
      }
      const written = before.outcomes.map(({ outcome }) => (outcome.status === 'accepted' ? outcome.events : 0));
      expect(before.events).toHaveLength(written.reduce((sum, events) => sum + events, 0));
      const times = before.events.map(({ at }) => at);
      expect(times).toEqual(times.toSorted());

      // What hung until now comes too late.
      expect(after).toEqual(before);
    }),
    { numRuns: 400 },
  );
});
