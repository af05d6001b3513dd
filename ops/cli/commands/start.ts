import { readConfig } from '../../run/config.js';
import { settings } from '../../run/settings.js';
import type { Command } from '../command.js';
import type { Options } from '../words.js';

/** Every setting. Those without a flag are named by their variable. */
const options: Options = Object.fromEntries(
  Object.entries(settings).map(([env, { flag, ...rest }]) => [flag ?? env, { ...rest, env, bare: flag === undefined }]),
);

export const startCommand: Command = {
  name: 'start',
  operands: [],
  options,
  summary: 'Runs the whole product in this process, until Ctrl+C. `npm start` is the same.',
  more: ['Prints the address to open. Options behind `npm start` stand behind two dashes: `npm start -- --port 9000`.'],
  examples: [
    ['start', 'on http://localhost:8080, or the next free port, with all data in ./data'],
    ['start --port 9000 --data /srv/verbatim', 'on another port and another folder'],
    ['start --registration closed', 'nobody can make an account any more'],
  ],
  run: async ({ values }) => {
    const config = readConfig(process.env, values);
    // Loaded only now: the other commands need a small part of it.
    const { start } = await import('../../run/main.js');
    await start(config);
  },
};
