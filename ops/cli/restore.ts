import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openKeys } from '../../commands/keys/sqlite.js';
import { takeLock } from '../../commands/log/lock.js';
import { conversationKey, personKey } from '../../domain/content.js';
import type { Envelope } from '../../domain/event.js';
import { parseStream } from '../../domain/ids.js';
import { type Copied, checkEmpty, checkSource, copyData, inTarget, sync } from '../operators/copy.js';
import { eventsIn, keysIn } from '../operators/sealed.js';
import { CliError } from '../run/errors.js';
import { UNFINISHED, strangersIn } from '../run/folder.js';
import { openLogIn } from '../run/log.js';
import { pooledRandom } from '../run/random.js';

/** What a restore did. */
export type Restored = Copied & {
  readonly path: string;
  /** The ids of the keys that were destroyed: what they had sealed is erased in the log. */
  readonly destroyed: readonly string[];
  /** The ids of keys that something in the log is sealed with, and that the backup does not hold. */
  readonly missing: readonly string[];
};

/**
 * Makes a data folder from a backup. Until it is whole and every erasure in its log is done again, it holds a mark with
 * which nothing starts on it; restoring into it again then begins anew. `masters` are the master keys under which the
 * keys in it are wrapped. Throws CliError TARGET_NOT_EMPTY, TARGET_UNUSABLE, DATA_LOCKED, COPY_BROKEN, and what
 * `copyData`, `openLogIn` and `openKeys` throw.
 */
export async function restore(from: string, target: string, masters: readonly Uint8Array[] = []): Promise<Restored> {
  const [source, path] = [resolve(from), resolve(target)];
  const mark = join(path, UNFINISHED);
  checkSource(source);
  const unlock = inTarget(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (!existsSync(mark)) checkEmpty(path, strangersIn(path));
    return takeLock(join(path, 'lock'));
  });
  if (!unlock) {
    throw new CliError('DATA_LOCKED', `Another process has ${path}. Wait for its end, or name a new folder.`);
  }
  try {
    inTarget(path, () => {
      closeSync(openSync(mark, 'w', 0o600));
      sync(path);
      for (const name of strangersIn(path).filter((each) => each !== UNFINISHED)) rmSync(join(path, name));
    });
    const copied = await copyData(source, path);
    if (copied.partitions === 0) {
      throw new CliError('COPY_BROKEN', `The backup ${source} holds no log. Restore another one.`);
    }
    const erased = await eraseAgain(path, masters);
    inTarget(path, () => {
      rmSync(mark);
      sync(path);
    });
    return { path, ...copied, ...erased };
  } finally {
    unlock();
  }
}

/** The keys in a folder follow the log in it: what is erased there is erased here, before anybody reads. */
async function eraseAgain(
  path: string,
  masters: readonly Uint8Array[],
): Promise<Pick<Restored, 'destroyed' | 'missing'>> {
  const log = openLogIn(path);
  // Keys that are wrapped anew, under another master key, need something random.
  const keys = openKeys({ file: join(path, 'keys.db'), random: pooledRandom(), masters });
  try {
    const used = new Set<string>();
    const erased = new Set<string>();
    for await (const event of eventsIn(log)) {
      for (const key of keysIn(event.data)) used.add(key);
      const key = erasedBy(event);
      if (key !== undefined) erased.add(key);
    }
    const held = await keys.find([...used, ...erased]);
    const destroyed = [...erased].filter((key) => held.has(key));
    // Those that the backup does not hold too: a tombstone keeps them from being made anew.
    for (const key of erased) await keys.destroy(key);
    return { destroyed, missing: [...used].filter((key) => !held.has(key) && !erased.has(key)) };
  } finally {
    await keys.close();
    await log.close();
  }
}

/** The key of whom or what an event ends for ever. */
function erasedBy({ type, stream }: Envelope): string | undefined {
  const { id } = parseStream(stream);
  if (type === 'UserErased') return personKey(id);
  return type === 'ConversationExpired' || type === 'ConversationPurged' ? conversationKey(id) : undefined;
}
