import { masterKeysIn } from '../../run/settings.js';
import { type Command, dataOf, dataOption, say } from '../command.js';
import { restore } from '../restore.js';

export const restoreCommand: Command = {
  name: 'restore',
  operands: ['FROM'],
  options: { data: dataOption },
  summary: 'Makes a data folder from a backup. It must be new or empty.',
  more: [
    'Before anything can start on it, the keys of everyone who is erased in the log are destroyed in it, and those of',
    'temporary conversations that have ended. One that was cut short does not start; restore into it again.',
    'Keys that are wrapped want their master key, in VERBATIM_MASTER_KEYS.',
  ],
  examples: [
    ['restore /backups/verbatim-2026-01-31', 'into ./data'],
    ['restore copy --data /srv/verbatim', 'into another folder'],
  ],
  run: async (words) => {
    const [from = ''] = words.operands;
    const masters = masterKeysIn(process.env['VERBATIM_MASTER_KEYS']);
    const { path, log, records, version, destroyed, missing } = await restore(from, dataOf(words), masters);
    say(`Restored to ${path}: ${records} records of the log ${log}, written by Verbatim ${version}.`);
    say(`Destroyed ${destroyed.length} keys of what is erased in the log.`);
    if (missing.length > 0) {
      say(`The keys are older than the log: of ${missing.length} people or conversations no text can be read.`);
    }
    say(`Start it with: npx verbatim start --data ${path}`);
  },
};
