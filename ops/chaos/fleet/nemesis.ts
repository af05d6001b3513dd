import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../../stack/processes.js';
import { at } from '../person.js';
import { Missed, evictedInFlush, killedBeforeCheckpoint, killedBeforeCommit, stoppedBeforeCommit } from './aimed.js';
import { PATIENCE, chosen, killed, memberOf, startAgain, watchOver } from './members.js';
import type { People } from './people.js';
import { type Fault, type Kind, type Lane, kinds, lanes, planOf } from './plan.js';
import type { World } from './world.js';

/** What was done, and when it was mended again. Times in ms since the nemesis began. */
export type Done = {
  readonly kind: Kind;
  /** Whom it befell; why it befell nobody, where it did not hit. */
  readonly whom: string;
  readonly hit: boolean;
  readonly from: number;
  readonly to: number;
};

export type NemesisOptions = {
  readonly world: World;
  readonly seed: number;
  /** For how long it begins new faults, in ms. */
  readonly lasts: number;
  readonly people: Pick<People, 'cut' | 'hurry' | 'wander'>;
  readonly say: (line: string) => void;
};

/** How much longer it goes on where some kind of fault has not hit yet, in ms. */
const EXTRA = 120_000;

/**
 * Breaks things for a while, and until each kind of fault has hit once, if that does not take much longer. Resolves when
 * everything is mended again, with what was done.
 */
export async function unleash(options: NemesisOptions): Promise<readonly Done[]> {
  const { world, seed, lasts, say } = options;
  const begun = performance.now();
  const since = (): number => Math.round(performance.now() - begun);
  const done: Done[] = [];
  const lane = async (name: Lane): Promise<void> => {
    const missing = new Set<Kind>(kinds[name]);
    for (const fault of planOf(seed, name)) {
      if (since() + fault.after >= (missing.size > 0 ? lasts + EXTRA : lasts)) return;
      // What has hit is not what it goes on for.
      if (since() + fault.after >= lasts && !missing.has(fault.kind)) continue;
      await sleep(fault.after);
      const from = since();
      const { whom, hit } = await outcomeOf(fault, options);
      if (hit) missing.delete(fault.kind);
      done.push({ kind: fault.kind, whom, hit, from, to: since() });
      const words = [hit ? '' : ', which did not hit', whom === '' ? '' : ` (${whom})`];
      say(`${seconds(from)} to ${seconds(since())}: ${fault.kind}${words.join('')}`);
    }
  };
  // A process that ended by itself, as it does when it cannot go on, is started again by whoever watches over it.
  const restarts = watchOver(world, say);
  try {
    await Promise.all(lanes.map(lane));
  } finally {
    await restarts.stop();
  }
  return done;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

async function outcomeOf(fault: Fault, options: NemesisOptions): Promise<Pick<Done, 'whom' | 'hit'>> {
  try {
    return { whom: await carryOut(fault, options), hit: true };
  } catch (error) {
    if (!(error instanceof Missed)) throw error;
    return { whom: error.message, hit: false };
  }
}

/** Does one thing, and mends it. Resolves with whom it befell, when all is as before. Throws `Missed`. */
async function carryOut(fault: Fault, { world, people }: NemesisOptions): Promise<string> {
  const { kafka, postgres, redis } = world;
  switch (fault.kind) {
    case 'kill a worker':
      return killed(world, 'commands', fault);
    case 'kill a projector':
      return killed(world, 'projections', fault);
    case 'kill a gateway':
      return killed(world, 'gateway', fault);
    case 'kill an assistant':
      return killed(world, 'assistant', fault);
    case 'freeze a worker': {
      const { name, server } = memberOf(world, 'commands', fault);
      // It is to be stopped between deciding and writing, so it is given a lot to do, and stopped in the middle of that.
      people.hurry();
      for (let tries = 0; tries < 300 && !isBusy(server); tries++) await sleep(1);
      server.pause();
      await sleep(fault.lasts);
      server.resume();
      return name;
    }
    case 'kill a broker': {
      const server = chosen(kafka.servers, fault);
      await server.kill9();
      await sleep(fault.lasts);
      await startAgain(server);
      return server.name;
    }
    case 'restart Postgres':
      await postgres.restart();
      return '';
    case 'fail Postgres over':
      await postgres.copy();
      await sleep(fault.lasts);
      await postgres.failOver();
      return `${(fault.lasts / 1_000).toFixed(1)} s of commits lost`;
    case 'flush Redis':
      await redis.flush();
      return '';
    case 'cut all sockets':
      people.cut();
      return '';
    case 'rebuild the core view':
      return rebuilt(world);
    case 'kill a worker between flush and commit':
      return killedBeforeCommit(world);
    case 'stop a worker between flush and commit':
      return stoppedBeforeCommit(world, fault);
    case 'evict during a flush':
      return evictedInFlush(world, fault, people.wander);
    case 'kill an assistant between the end of a reply and its checkpoint':
      return killedBeforeCheckpoint(world, fault);
  }
}

/** Whether a process is at work at this moment, where the system tells (Linux). */
function isBusy(server: Server): boolean {
  try {
    return /\) R /.test(readFileSync(`/proc/${server.identity().pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Has the core view rebuilt by way of a gateway, until readers see the new one. */
async function rebuilt({ fleet, env }: World): Promise<string> {
  const headers = { authorization: `Bearer ${env['OPS_TOKEN']}` };
  const [gateways, query] = [fleet.members.filter(({ role }) => role === 'gateway'), 'rebuild?view=core'];
  const ask = async (method: 'GET' | 'POST'): Promise<unknown> => {
    for (const { opsUrl } of gateways) {
      const signal = AbortSignal.timeout(40_000);
      const answer = await fetch(`${opsUrl}/${query}&reason=chaos`, { method, headers, signal }).catch(() => undefined);
      if (answer?.ok) return answer.json();
    }
    return undefined;
  };
  // What is there from a rebuild before is of an older one.
  const before = at(await ask('GET'), 'generation');
  const end = performance.now() + PATIENCE;
  let asked = false;
  for (;;) {
    asked ||= (await ask('POST')) !== undefined;
    const now = await ask('GET');
    if (asked && at(now, 'phase') === 'kept' && at(now, 'generation') !== before) {
      return `generation ${String(at(now, 'live'))}`;
    }
    if (performance.now() > end) throw new Error(`the rebuild did not end: ${JSON.stringify(now)}`);
    await sleep(300);
  }
}
