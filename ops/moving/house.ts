import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { KeyMap } from '../../commands/keys/keys.js';
import { readKeys } from '../../commands/keys/sqlite.js';
import type { Log } from '../../commands/log/log.js';
import { type StoredAccount, openIdentityStore } from '../../gateway/identity/accounts.js';
import { openFolder, readFormat } from '../run/folder.js';
import { openLogIn } from '../run/log.js';

/** An embedded installation that is left: a data folder that nobody else has until it is closed. */
export type House = {
  readonly path: string;
  readonly log: Log;
  /** All of its keys. Throws KEYS_LOCKED where a master key is lacking. */
  keys(): KeyMap;
  /** All who have an account in it; undefined where people sign in elsewhere. */
  readonly people: readonly StoredAccount[] | undefined;
  close(): Promise<void>;
};

/**
 * Opens a data folder to move out of it; of what it keeps nothing is changed. `masters` unwrap its keys, in whatever order.
 * Throws FolderError (DATA_LOCKED while a server has it, DATA_MISSING), LogError, IdentityError.
 */
export async function openHouse(dir: string, masters: readonly Uint8Array[]): Promise<House> {
  // A folder that is not there would be made.
  readFormat(resolve(dir));
  const folder = openFolder(dir);
  try {
    const log = openLogIn(folder.path);
    return {
      path: folder.path,
      log,
      keys: () => readKeys({ file: folder.file('keys.db'), masters }),
      people: await peopleIn(folder.file('identity.db')),
      close: async () => {
        await log.close();
        folder.close();
      },
    };
  } catch (error) {
    folder.close();
    throw error;
  }
}

async function peopleIn(file: string): Promise<readonly StoredAccount[] | undefined> {
  if (!existsSync(file)) return undefined;
  const store = await openIdentityStore({
    file,
    now: Date.now,
    newId: () => {
      throw new RangeError('nobody registers while people move');
    },
  });
  try {
    return [...store.accounts.all()];
  } finally {
    store.close();
  }
}
