import { join } from 'node:path';
import type { Log } from '../../commands/log/log.js';
import { openSqliteLog } from '../../commands/log/sqlite.js';
import { FolderError, PARTITIONS } from './folder.js';

/** Opens the log in a data folder that no server has, and makes none. Throws DATA_MISSING where there is none, LogError. */
export const openLogIn = (path: string): Log =>
  openSqliteLog({
    file: join(path, 'log.db'),
    partitions: PARTITIONS,
    newId: () => {
      throw new FolderError(
        'DATA_MISSING',
        `${path} holds no log yet. Start it once: npx verbatim start --data ${path}`,
      );
    },
  });
