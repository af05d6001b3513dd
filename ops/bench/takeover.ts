import { setTimeout as sleep } from 'node:timers/promises';
import { PACE } from '../../commands/kafka/group.js';
import { Refused } from '../../commands/command.js';
import { homeOf } from '../../domain/ids.js';
import { type Figure, quantile, scaled } from './figure.js';
import { type Member, type Systems, openSender, withSystems } from './fleet.js';
import { accepted, startedConversation } from './writeside.js';

const LEAVINGS = 5;
const KILLINGS = 3;
/** How often a command is sent, in ms. They go to all partitions in turn. */
const EVERY = 20;
/** How long both workers are at work before one goes, in ms. */
const TOGETHER = 1_000;

/**
 * How long the partitions of a worker stand still when it goes: two share them, while commands are sent to all of them all
 * the time, and the longest time is taken in which some partition answered nothing. Once it is told to stop, and once it is
 * killed: what was killed says nothing, so the others have to wait until its session has ended.
 */
export const takeover = (scale: number): Promise<readonly Figure[]> =>
  withSystems(async (systems) => {
    const traffic = await startTraffic(systems);
    const stays = await systems.start('commands');
    const round = async (go: (member: Member) => Promise<void>): Promise<number> => {
      const goes = await systems.start('commands');
      await members(systems, 2);
      await sleep(TOGETHER);
      await traffic.answered();
      const begun = performance.now();
      await go(goes);
      await traffic.answered();
      const pause = traffic.longestSince(begun);
      await members(systems, 1);
      return pause;
    };
    const [left, killed]: [number[], number[]] = [[], []];
    for (let n = 0; n < scaled(LEAVINGS, scale); n++) left.push(await round((member) => member.stop()));
    for (let n = 0; n < scaled(KILLINGS, scale); n++) killed.push(await round(async (member) => member.kill()));
    await traffic.stop();
    await stays.stop();
    const figures = (what: string, pauses: readonly number[], goal: number): readonly Figure[] => [
      { metric: `${what}: median`, value: quantile(pauses, 0.5) / 1_000, unit: 's', goal, better: 'lower' },
      { metric: `${what}: longest`, value: Math.max(...pauses) / 1_000, unit: 's' },
    ];
    return [
      ...figures('a worker stops: the longest pause', left, 2),
      ...figures('a worker is killed: the longest pause', killed, PACE.session / 1_000 + 2),
    ];
  });

/** Waits until the group of workers has so many members, and has shared its partitions among them. */
async function members({ kafka, prefix }: Systems, count: number): Promise<void> {
  await kafka.administer(async (admin) => {
    for (;;) {
      const { groups } = await admin.describeGroups([`${prefix}workers`]);
      if (groups.some((group) => group.state === 'Stable' && group.members.length === count)) return;
      await sleep(50);
    }
  });
}

/** When a command was sent, and when it was answered. */
type Answered = { readonly sent: number; readonly at: number };

/** Sends commands to all partitions, one after the other, and notes when each was answered. */
async function startTraffic(systems: Systems) {
  const sender = await openSender(systems);
  const { partitions } = systems;
  const answers: Answered[][] = Array.from({ length: partitions }, () => []);
  const open = new Set<Promise<void>>();
  let going = true;
  const send = async (n: number): Promise<void> => {
    const command = startedConversation(n);
    const home = homeOf(command.stream, partitions);
    const sent = performance.now();
    try {
      accepted(await sender.submit(home, command));
      answers[home]?.push({ sent, at: performance.now() });
    } catch (error) {
      // Nobody could take it at that moment: that is what is measured.
      if (!(error instanceof Refused)) throw error;
    }
  };
  const sending = (async () => {
    for (let n = 0; going; n++) {
      const sent = send(n).finally(() => open.delete(sent));
      open.add(sent);
      await sleep(EVERY);
    }
  })();
  return {
    /** Resolves when each partition has answered a command that was sent from now on. */
    answered: async (): Promise<void> => {
      const now = performance.now();
      const isThere = (each: readonly Answered[]): boolean => each.some(({ sent }) => sent >= now);
      while (!answers.every(isThere)) await sleep(EVERY);
    },
    /** The longest time without an answer of some partition since then, in ms. */
    longestSince: (begun: number): number => {
      const pauses = answers.flatMap((each) => {
        const times = each.map(({ at }) => at).filter((at) => at > begun);
        return times.toSorted((a, b) => a - b).map((at, n, all) => at - (all[n - 1] ?? begun));
      });
      return Math.max(...pauses);
    },
    stop: async () => {
      going = false;
      await sending;
      await Promise.all(open);
      await sender.close();
    },
  };
}
