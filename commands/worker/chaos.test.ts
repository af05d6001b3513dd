import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashOf } from '../../domain/event.js';
import { type Answer, type Command, Refused } from '../command.js';
import { nameOf } from './memory.js';
import type { Owner } from './owner.js';
import {
  type Fault,
  T0,
  ask,
  doubled,
  faulty,
  history,
  late,
  lost,
  markRead,
  openLog,
  ownerOf,
  unanswered,
} from './testing.js';

const OWNERS = 3;
const COMMANDS = 12;

type Step =
  | {
      readonly do: 'ask';
      readonly by: readonly number[];
      readonly picks: readonly number[];
      readonly faults: readonly string[];
    }
  | { readonly do: 'restart'; readonly owner: number }
  | { readonly do: 'release' };

const owner = fc.nat(OWNERS - 1);
const fault = fc.constantFrom('none', 'none', 'lost', 'unanswered', 'doubled', 'late');

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      // One owner, or two at once.
      by: fc.uniqueArray(owner, { minLength: 1, maxLength: 2 }),
      picks: fc.array(fc.nat(COMMANDS - 1), { minLength: 1, maxLength: 6 }),
      faults: fc.array(fault, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), owner }) },
  { weight: 2, arbitrary: fc.constant({ do: 'release' as const }) },
);

/** Lives through the steps on a log that fails as they say; then a fresh owner is asked for every command once more. */
async function live(steps: readonly Step[]) {
  const log = openLog();
  const faults: (Fault | undefined)[] = [];
  const hanging: (() => Promise<unknown>)[] = [];
  const clock = { now: T0 };
  const bad = faulty(log, faults);
  const fresh = (): Owner => ownerOf(bad, { clock });
  const owners = Array.from({ length: OWNERS }, fresh);
  // Some of them undo what others are about, so that a wrong order shows in their outcomes.
  const commands = Array.from({ length: COMMANDS }, (_, n) => markRead(n % 3, 1 + ((n * 5) % 7)));
  const given: { readonly command: Command; readonly answer: Answer }[] = [];

  const faultOf = (name: string): Fault | undefined => {
    if (name !== 'late') return { lost, unanswered, doubled }[name];
    const { fault: hang, release } = late();
    hanging.push(release);
    return hang;
  };

  for (const each of steps) {
    clock.now += 1;
    if (each.do === 'restart') owners[each.owner] = fresh();
    else if (each.do === 'release') await hanging.shift()?.();
    else {
      faults.splice(0, Infinity, ...each.faults.map(faultOf));
      const asked = each.picks.flatMap((n) => commands.slice(n, n + 1));
      const answers = await Promise.all(owners.filter((_, n) => each.by.includes(n)).map((by) => ask(by, ...asked)));
      for (const [at, answer] of answers.flatMap((some) => [...some.entries()])) {
        const command = asked[at];
        if (command && answer && !(answer instanceof Refused)) given.push({ command, answer });
      }
    }
  }
  faults.length = 0;
  const final = await ask(ownerOf(log, { clock }), ...commands);
  const before = await history(log);
  for (const release of hanging) await release();
  return { commands, given, final, before, after: await history(log) };
}

it('whatever goes wrong: what is answered is so, once, for ever', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }), async (steps) => {
      const { commands, given, final, before, after } = await live(steps);

      // Every command has one outcome, and every answer ever given is that one, with its position.
      const outcomes = new Map(commands.map((command, at) => [nameOf(command), final[at]]));
      expect(before.outcomes.map(({ actor, command: id }) => nameOf({ actor, id })).toSorted()).toEqual(
        [...outcomes.keys()].toSorted(),
      );
      for (const { command, answer } of given) expect(answer).toEqual(outcomes.get(nameOf(command)));

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
    { numRuns: 250 },
  );
});
