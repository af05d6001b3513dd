import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './install.js';
import { type Identity, isAlive, self } from './processes.js';
import { StackError } from './trouble.js';

/** Not beside the folders: there others may write, or we may not. */
const marks = (): string => join(cacheFolder(), 'locks');

const hashOf = (folder: string): string => createHash('sha256').update(folder).digest('hex').slice(0, 16);

/** What is there while a process works on a folder: of one that was left behind the name tells that nobody does. */
export const markOf = (folder: string, { pid, born }: Identity): string =>
  join(marks(), `${hashOf(folder)}-${pid}-${encodeURIComponent(born)}`);

/**
 * Does something with a folder, which it may remove and make again, that no other process may do meanwhile. Each makes
 * its mark before it looks for others: of two, one at least sees the other. Throws StackError STACK_RUNNING.
 */
export async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(marks(), { recursive: true, mode: 0o700 });
  const own = markOf(folder, self());
  writeFileSync(own, `${folder}\n`, { flag: 'wx', mode: 0o600 });
  try {
    for (const other of workersAt(folder)) {
      const mark = markOf(folder, other);
      if (mark === own) continue;
      if (isAlive(other)) {
        throw new StackError(
          'STACK_RUNNING',
          `Process ${other.pid} is starting or stopping a stack in ${folder}. Wait until it has done so.`,
        );
      }
      rmSync(mark, { force: true });
    }
    return await work();
  } finally {
    rmSync(own, { force: true });
  }
}

const workersAt = (folder: string): readonly Identity[] =>
  readdirSync(marks()).flatMap((name) => {
    const [, hash, pid, born] = /^(\w+)-(\d+)-(.*)$/.exec(name) ?? [];
    if (hash !== hashOf(folder) || pid === undefined || born === undefined) return [];
    return [{ pid: Number(pid), born: decodeURIComponent(born) }];
  });
