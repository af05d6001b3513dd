import { resolve } from 'node:path';
import { json } from 'node:stream/consumers';
import { type Backup, backUp } from '../../operators/backup.js';
import { type Command, dataOf, dataOption, say } from '../command.js';
import { ask, gone, reach } from '../server.js';

export const backupCommand: Command = {
  name: 'backup',
  operands: ['TO'],
  options: { data: dataOption },
  summary: 'Copies the data folder into a new folder, while the server runs or not.',
  more: [
    'The log first, then the keys, then the accounts; what can be rebuilt is left out. Nobody waits for it. The folder',
    'TO appears when the copy is whole, was read again and is on the disk. Delete backups after 30 days: until then, what',
    'somebody had erased can be read with them.',
  ],
  examples: [
    ['backup /backups/verbatim-2026-01-31', 'of ./data'],
    ['backup copy --data /srv/verbatim', 'of another folder'],
  ],
  run: async (words) => {
    const [to = ''] = words.operands;
    const { path, records, bytes, log } = await made(dataOf(words), resolve(to));
    say(`Backed up to ${path}: ${records} records of the log ${log}, ${(bytes / 1e6).toFixed(1)} MB in all.`);
  },
};

async function made(data: string, to: string): Promise<Pick<Backup, 'path' | 'records' | 'bytes' | 'log'>> {
  const place = await reach(data);
  if ('file' in place) {
    try {
      return await backUp(place.path, to);
    } finally {
      place.close();
    }
  }
  const answer = await ask(place, 'POST', '/backup', { to });
  const backup: unknown = await json(answer).catch((error: unknown) => {
    throw gone(error);
  });
  if (isBackup(backup)) return backup;
  throw gone(backup);
}

const isBackup = (value: unknown): value is Backup =>
  typeof value === 'object' &&
  value !== null &&
  'path' in value &&
  'records' in value &&
  'bytes' in value &&
  'log' in value;
