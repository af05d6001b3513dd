import { setTimeout as sleep } from 'node:timers/promises';
import type { RoleName } from '../../run/fleet-config.js';
import type { Member } from '../../stack/fleet.js';
import { type Server, isAlive, tailOf } from '../../stack/processes.js';
import type { Fault } from './plan.js';
import type { World } from './world.js';

// Who it befalls, and how they come back.

/** How long what was begun may take to be mended, in ms: a rebuild, a process on a busy machine. */
export const PATIENCE = 120_000;

export const chosen = <T>(from: readonly T[], { whom }: Fault): T => {
  const one = from[whom % from.length];
  if (one === undefined) throw new Error('there is nobody to whom it could happen');
  return one;
};

export const memberOf = ({ fleet }: World, role: RoleName, fault: Fault): Member =>
  chosen(
    fleet.members.filter((member) => member.role === role),
    fault,
  );

export async function killed(world: World, role: RoleName, fault: Fault): Promise<string> {
  const { name, server } = memberOf(world, role, fault);
  await whileDead(server, () => startAgain(server));
  return name;
}

/** Kills a process, and does something before anybody else may start it again. */
export async function whileDead<T>(server: Server, work: () => Promise<T>): Promise<T> {
  struck.add(server);
  try {
    await server.kill9();
    return await work();
  } finally {
    struck.delete(server);
  }
}

/** Those who are to be dead at the moment. */
const struck = new Set<Server>();
const underWay = new Map<Server, Promise<void>>();

/** Starts a server again, again where it ended at once: what it needs may be away at the moment. */
export function startAgain(server: Server): Promise<void> {
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
export function watchOver({ fleet }: World, say: (line: string) => void): { readonly stop: () => Promise<void> } {
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
