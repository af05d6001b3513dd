import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../../commands/log/log.js';
import type { Member } from '../../stack/fleet.js';
import { onServer } from '../../run/database.js';
import { isAlive } from '../../stack/processes.js';
import { endsIn } from '../audit.js';
import {
  type Held,
  type Hold,
  LAST_OF_FLUSH,
  MOVE_OF_OBLIGATIONS,
  SIGN_OF_LIFE,
  holding,
  holdingFlush,
} from './holds.js';
import { startAgain, whileDead } from './members.js';
import type { Fault } from './plan.js';
import { PARTITIONS, type World, openWorldLog } from './world.js';

// Moments that are too short to be met by chance. Each is made to last by a lock that is held from outside, and is seen in
// Postgres before anything is done to anybody: so it is known that it really hit.

/** The moment did not come, or went before anything could be done: nothing was broken that is not mended again. */
export class Missed extends Error {
  override name = 'Missed';
}

/** How long a moment is waited for at once, and in all, in ms. A worker that has a partition flushes every 5 s. */
const PATIENCE = 10_000;
const LONGEST = 60_000;
/** What a statement may take to end once nothing is in its way, in ms. */
const SOON = 3_000;

/** Tries until it hits. Throws `Missed`. */
async function aim(work: () => Promise<string | undefined>): Promise<string> {
  const end = performance.now() + LONGEST;
  for (;;) {
    let why = 'the moment did not come';
    try {
      const whom = await work();
      if (whom !== undefined) return whom;
    } catch (error) {
      // Something else is broken as well: Postgres or the brokers are away at the moment.
      why = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > end) throw new Missed(why);
    await sleep(100);
  }
}

type AtFlush = { readonly hold: Hold; readonly held: Held; readonly member: Member; readonly home: number };

/** A worker whose flush has written all its rows and cannot commit them. */
const aimAtFlush = ({ postgres, fleet }: World, work: (at: AtFlush) => Promise<string | undefined>): Promise<string> =>
  aim(() =>
    holdingFlush(postgres.url, PARTITIONS, async (hold, homeOf) => {
      const held = await hold.met(LAST_OF_FLUSH, PATIENCE);
      const member = held && fleet.members.find(({ name }) => name === held.member);
      // Somebody else may have killed it meanwhile.
      if (!member || !isAlive(member.server.identity())) return undefined;
      return work({ hold, held, member, home: homeOf(held) });
    }),
  );

/** What it has written is rolled back. Who comes next has the checkpoint from before, and all that came after in the log. */
export const killedBeforeCommit = (world: World): Promise<string> =>
  aimAtFlush(world, ({ hold, held, member: { name, server }, home }) =>
    whileDead(server, async () => {
      const hit = await hold.isStill(held);
      await hold.release();
      await startAgain(server);
      return hit ? `${name}, home ${home}` : undefined;
    }),
  );

/** Another one has the partition by the time that the flush of this one is committed after all. */
export const stoppedBeforeCommit = (world: World, { lasts }: Fault): Promise<string> =>
  aimAtFlush(world, async ({ hold, held, member: { name, server }, home }) => {
    server.pause();
    try {
      if (!(await hold.isStill(held))) return undefined;
      await hold.release();
      if (!(await hold.isOpen(held, SOON))) return undefined;
      await sleep(lasts);
      return `${name}, home ${home}`;
    } finally {
      server.resume();
    }
  });

/**
 * What is on its way to the store may not be let go of, nor what has changed since; all else goes at once. `wander` has
 * people ask for what makes a worker fetch streams that it may let go of.
 */
export const evictedInFlush = (world: World, { lasts }: Fault, wander: (on: boolean) => void): Promise<string> =>
  aimAtFlush(world, async ({ hold, held, member, home }) => {
    const before = await evictions(member, home);
    wander(true);
    await sleep(lasts);
    wander(false);
    const streams = (await evictions(member, home)) - before;
    if (!(streams > 0) || !(await hold.isStill(held))) return undefined;
    return `${member.name}, home ${home}: ${streams} streams in ${(lasts / 1_000).toFixed(1)} s`;
  });

/** How many streams of a home a worker has let go of, as it tells operators. */
async function evictions({ opsUrl }: Member, home: number): Promise<number> {
  const metrics = await (await fetch(`${opsUrl}/metrics`, { signal: AbortSignal.timeout(SOON) })).text();
  return Number(new RegExp(`^verbatim_streams_evicted_total\\{home="${home}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0);
}

/**
 * An assistant has no checkpoint of its own: what it has yet to do is what the view of obligations shows, and that a reply
 * has ended stands there once a projector has moved the checkpoint of its home past that. So it is that which is held, for
 * longer than the others leave a reply to one who says nothing: to them it looks as if this one had never ended it.
 */
export const killedBeforeCheckpoint = (world: World, { lasts }: Fault): Promise<string> =>
  aim(async () => {
    const { url } = world.postgres;
    const busy = await busiest(url);
    const member = busy && (await memberOf(world, busy.executor));
    if (!member) return undefined;
    const { home, executor } = busy;
    const { name, server } = member;
    const { log, close } = await openWorldLog(world);
    try {
      const lock = { sql: 'SELECT next_offset FROM obligations.checkpoints WHERE home = $1', params: [home] };
      return await holding(url, lock, async (hold, [row]) => {
        const replies = await repliesOf(url, home, executor);
        const reply = await nextEnd(log, { home, offset: Number(row?.['next_offset']), replies });
        const held = reply === undefined ? undefined : await hold.met(MOVE_OF_OBLIGATIONS, SOON);
        if (!held || !isAlive(server.identity())) return undefined;
        return whileDead(server, async () => {
          const hit = await hold.isStill(held);
          const again = startAgain(server);
          await sleep(lasts);
          // A server that was killed meanwhile holds nothing any more.
          await hold.release().catch(() => undefined);
          await again;
          return hit ? `${name}, after reply ${reply}` : undefined;
        });
      });
    } finally {
      await close();
    }
  });

const RUNNING = `kind = 'reply' AND data->>'executor' IS NOT NULL`;

/** The home and the assistant with most replies under way, as the view has it. */
const busiest = (url: string): Promise<{ readonly home: number; readonly executor: string } | undefined> =>
  onServer(url, async (client) => {
    const { rows } = await client.query<{ home: number; executor: string }>(
      `SELECT home, data->>'executor' AS executor FROM obligations.owed WHERE ${RUNNING}
       GROUP BY 1, 2 ORDER BY count(*) DESC, random() LIMIT 1`,
    );
    return rows[0];
  });

const repliesOf = (url: string, home: number, executor: string): Promise<ReadonlySet<string>> =>
  onServer(url, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM obligations.owed WHERE ${RUNNING} AND home = $1 AND data->>'executor' = $2`,
      [home, executor],
    );
    return new Set(rows.map(({ id }) => id));
  });

/** The process that calls itself so in its claims: the one that stands still where it is to say that it lives. */
async function memberOf({ postgres, fleet }: World, executor: string): Promise<Member | undefined> {
  const lock = { sql: 'SELECT FROM rm.holders WHERE holder = $1', params: [executor] };
  const held = await holding(postgres.url, lock, (hold) => hold.met(SIGN_OF_LIFE, SOON));
  return fleet.members.find(({ name }) => name === held?.member);
}

/** The first of some replies that ends from an offset on. Undefined: none did for a while. */
async function nextEnd(
  log: Log,
  from: { readonly home: number; readonly offset: number; readonly replies: ReadonlySet<string> },
): Promise<string | undefined> {
  const { home, offset, replies } = from;
  const signal = AbortSignal.timeout(PATIENCE);
  if (replies.size === 0) return undefined;
  for await (const { records } of log.read(home, await log.cursorAt(home, { offset }), { follow: true, signal })) {
    const reply = endsIn(records).find((each) => replies.has(each));
    if (reply !== undefined) return reply;
  }
  return undefined;
}
