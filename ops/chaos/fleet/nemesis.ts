import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RoleName } from '../../run/fleet-config.js';
import { type Server, isAlive, tailOf } from '../../stack/processes.js';
import { at } from '../person.js';
import { type Fault, type Kind, type Lane, lanes, planOf } from './plan.js';
import type { World } from './world.js';

// Finer moments (between a flush and its commit, between the end of a reply and its checkpoint, an eviction during a flush)
// are not aimed at: many kills at any time meet them by chance. The simulation aims at them.

/** What was done, and when it was mended again. Times in ms since the nemesis began. */
export type Done = { readonly kind: Kind; readonly whom: string; readonly from: number; readonly to: number };

export type NemesisOptions = {
  readonly world: World;
  readonly seed: number;
  /** For how long it begins new faults, in ms. */
  readonly lasts: number;
  /** Cuts the sockets of all clients. */
  readonly cut: () => void;
  /** Has every client send at once. */
  readonly hurry: () => void;
  readonly say: (line: string) => void;
};

/** How long what it has begun may take to be mended, in ms: a rebuild, a process on a busy machine. */
const PATIENCE = 120_000;

/** Breaks things for a while. Resolves when everything is mended again, with what was done. */
export async function unleash(options: NemesisOptions): Promise<readonly Done[]> {
  const { world, seed, lasts, say } = options;
  const begun = performance.now();
  const since = (): number => Math.round(performance.now() - begun);
  const done: Done[] = [];
  const lane = async (name: Lane): Promise<void> => {
    for (const fault of planOf(seed, name)) {
      if (since() + fault.after >= lasts) return;
      await sleep(fault.after);
      const from = since();
      const whom = await carryOut(fault, options);
      done.push({ kind: fault.kind, whom, from, to: since() });
      say(`${seconds(from)} to ${seconds(since())}: ${fault.kind}${whom === '' ? '' : ` (${whom})`}`);
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

/** Does one thing, and mends it. Resolves with whom it befell, when all is as before. */
async function carryOut(fault: Fault, options: NemesisOptions): Promise<string> {
  const { world, cut, hurry } = options;
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
      hurry();
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
      cut();
      return '';
    case 'rebuild the core view':
      return rebuilt(world);
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

const chosen = <T>(from: readonly T[], { whom }: Fault): T => {
  const one = from[whom % from.length];
  if (one === undefined) throw new Error('there is nobody to whom it could happen');
  return one;
};

const memberOf = ({ fleet }: World, role: RoleName, fault: Fault) =>
  chosen(
    fleet.members.filter((member) => member.role === role),
    fault,
  );

async function killed(world: World, role: RoleName, fault: Fault): Promise<string> {
  const { name, server } = memberOf(world, role, fault);
  struck.add(server);
  await server.kill9();
  await startAgain(server);
  struck.delete(server);
  return name;
}

/** Those who are to be dead at the moment. */
const struck = new Set<Server>();
const underWay = new Map<Server, Promise<void>>();

/** Starts a server again, again where it ended at once: what it needs may be away at the moment. */
function startAgain(server: Server): Promise<void> {
  const starting = underWay.get(server) ?? started(server).finally(() => underWay.delete(server));
  underWay.set(server, starting);
  return starting;
}

async function started(server: Server): Promise<void> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await server.start();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(500);
    }
  }
}

/** Starts every process again that ended without us, until it is stopped. Rejects then with what could not be started. */
function watchOver({ fleet }: World, say: NemesisOptions['say']) {
  const failures: unknown[] = [];
  const timer = setInterval(() => {
    for (const { name, server } of fleet.members) {
      if (isAlive(server.identity()) || underWay.has(server) || struck.has(server)) continue;
      say(`${name} has ended, and is started again: ${tailOf(server.log, 1)}`);
      startAgain(server).catch((error: unknown) => failures.push(error));
    }
  }, 250);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay.values());
      if (failures.length > 0) throw failures[0];
    },
  };
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
