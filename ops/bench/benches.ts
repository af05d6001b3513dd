import { coldLoad } from './cold-load.js';
import { commands } from './commands.js';
import type { Bench } from './figure.js';
import { memory } from './memory.js';
import { rebuild } from './rebuild.js';
import { replay } from './replay.js';
import { start } from './start.js';

/** All benches by name. */
export const benches: Readonly<Record<string, Bench>> = {
  commands: { about: 'commands, decided and synced, against bare libsql commits of the same bytes', run: commands },
  replay: { about: 'the log read through its fence and decoded, against a bare scan of the same rows', run: replay },
  rebuild: { about: 'the core view filled from the log, against bare batch inserts of its messages', run: rebuild },
  memory: { about: 'what a worker takes after 1,000,000 conversations, against one after 10,000', run: memory },
  'cold-load': { about: 'the first command on a conversation of 100,000 events, against one of 50', run: coldLoad },
  start: { about: 'first and second start to the first page and to ready, beside a bare Node server', run: start },
};
