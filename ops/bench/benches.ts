import { coldLoad } from './cold-load.js';
import { commands } from './commands.js';
import type { Bench } from './figure.js';
import { deltas } from './deltas.js';
import { fleetCommands } from './fleet-commands.js';
import { fleetLive } from './fleet-live.js';
import { kafkaReplay } from './kafka-replay.js';
import { fanOut } from './fan-out.js';
import { live } from './live.js';
import { memory } from './memory.js';
import { pgRebuild } from './pg-rebuild.js';
import { post } from './post.js';
import { rebuild } from './rebuild.js';
import { replay } from './replay.js';
import { start } from './start.js';
import { takeover } from './takeover.js';
import { thread } from './thread.js';

/** All benches by name. */
export const benches: Readonly<Record<string, Bench>> = {
  commands: { about: 'commands, decided and synced, against bare libsql commits of the same bytes', run: commands },
  replay: { about: 'the log read through its fence and decoded, against a bare scan of the same rows', run: replay },
  'kafka-replay': {
    about:
      'the log read from Kafka through its fence and decoded, against a plain consumer that parses (KAFKA_BROKERS)',
    run: kafkaReplay,
  },
  'fleet-commands': {
    about: 'commands answered by one worker on Kafka, against the same records from a bare producer (a stack)',
    run: fleetCommands,
  },
  'fleet-live': {
    about: 'a message from sent to delivered through a fleet, against a bare one through Kafka (a stack)',
    run: fleetLive,
  },
  rebuild: { about: 'the core view filled from the log, against bare batch inserts of its messages', run: rebuild },
  memory: { about: 'what a worker takes after 1,000,000 conversations, against one after 10,000', run: memory },
  'cold-load': { about: 'the first command on a conversation of 100,000 events, against one of 50', run: coldLoad },
  post: { about: 'a small GraphQL POST with a token, against plain hono with JSON in and out', run: post },
  deltas: { about: 'pieces of running replies over GraphQL, one reply a socket, against bare ws frames', run: deltas },
  'fan-out': { about: 'a change of a conversation that many watch, against a bare ws broadcast', run: fanOut },
  takeover: {
    about: 'how long commands wait when a worker stops, and when it is killed (a stack)',
    run: takeover,
  },
  thread: { about: 'a conversation of 100,000 messages opened by the page, against one of 50', run: thread },
  live: { about: 'a message from sent to delivered, against a bare commit and a bare ws frame', run: live },
  start: { about: 'first and second start to the first page and to ready, beside a bare Node server', run: start },
  'pg-rebuild': { about: 'the core view filled on the Postgres of DATABASE_URL, against bare COPY', run: pgRebuild },
};
