import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Taken } from './memory.js';
import { openLog, openWriteSide, startedConversation } from './writeside.js';

// The process of one worker: starts conversations, and says what it takes then. Its arguments are a folder and how many.

const AT_ONCE = 1_000;

const [folder = '', count = ''] = process.argv.slice(2);
const conversations = Number(count);
mkdirSync(folder);
const log = openLog(join(folder, 'log.db'));
const side = await openWriteSide(folder, log);
const begun = performance.now();
for (let started = 0; started < conversations; started += AT_ONCE) {
  const some = Math.min(AT_ONCE, conversations - started);
  await Promise.all(Array.from({ length: some }, (_, n) => side.hand(startedConversation(started + n))));
}
const seconds = (performance.now() - begun) / 1_000;
// What is collected is given back to the system a little later.
for (let n = 0; n < 5; n++) {
  globalThis.gc?.();
  await sleep(200);
}
const { rss: resident, heapUsed: heap } = process.memoryUsage();
const taken: Taken = { resident, heap, seconds };
console.log(JSON.stringify(taken));
await side.close();
await log.close();
