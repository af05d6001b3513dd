import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { readManifest } from '../../gateway/documents/manifest.js';
import { textOf } from '../../gateway/sockets.js';
import { cpuOf, openCrowd } from './crowd.js';
import { type Figure, median, scaled } from './figure.js';
import { type Begun, type GatewayProcess, withGateway } from './gateway-process.js';
import { openSocket, subscribe } from './socket.js';
import { PEOPLE, withFolder } from './writeside.js';

const SIZES = [1_000, 5_000];
const ROUNDS = 7;
/** Deliveries of each round, to all sockets together. */
const DELIVERIES = 50_000;
/** Changes that nobody watches. */
const CHANGES = 100;
/** Files that a process has open beside its sockets. */
const OTHER_FILES = 200;

/**
 * What a change of a conversation costs the server for each of many sockets that watch it as the page does: members of one
 * conversation, on some sockets each. What the change itself costs where nobody watches is measured before, and taken off.
 * Beside it a bare `ws` broadcast of the same bytes. CPU time of the server's process for each delivery, in interleaved
 * rounds: with live sessions in its memory and, where REDIS_URL is set, in that Redis as well.
 */
export const fanOut = async (scale: number): Promise<readonly Figure[]> => {
  const redisUrl = process.env['REDIS_URL'];
  const inMemory = await measureAll(scale, '');
  return redisUrl ? [...inMemory, ...(await measureAll(scale, ' over Redis', redisUrl))] : inMemory;
};

const measureAll = (scale: number, where: string, redisUrl?: string): Promise<readonly Figure[]> =>
  withFolder((folder) =>
    withGateway(
      folder,
      async (gateway) => {
        const watched = await gateway.gather();
        const figures: Figure[] = [];
        for (const size of SIZES) {
          const { ours, ratio } = await measure(gateway, watched, scaled(size, scale), scale);
          const at = `at ${size.toLocaleString('en')} sockets${where}`;
          figures.push(
            { metric: `CPU time of a delivery ${at}`, value: ours, unit: 'µs' },
            { metric: `… against a bare broadcast ${at}`, value: ratio, unit: '×', goal: 1.2, better: 'lower' },
          );
        }
        return figures;
      },
      redisUrl,
    ),
  );

async function measure(
  gateway: GatewayProcess,
  watched: Begun,
  count: number,
  scale: number,
): Promise<{ readonly ours: number; readonly ratio: number }> {
  checkFiles(2 * count + OTHER_FILES);
  const query = pageDocument();
  const events = Math.max(1, Math.round(scaled(DELIVERIES, scale) / count));
  const alone = await cpuOfAlone(gateway, scaled(CHANGES, scale));
  const ours = await openCrowd(Array.from({ length: count }, (_, n) => () => watch(gateway, watched, query, n)));
  const bare = await openCrowd(Array.from({ length: count }, () => () => openSocket(gateway.bareUrl)));
  while ((await gateway.following()) < count) await sleep(50);
  const [one] = ours.sockets;
  if (!one) throw new Error('nobody watches');
  const seen = once(one, 'message');
  await cpuOf(gateway, ours, 1, gateway.tell);
  const [data] = await seen;
  const text = textOf(data);
  const rounds: { ours: number; bare: number }[] = [];
  for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
    const measured = {
      bare: await cpuOf(gateway, bare, events, () => gateway.broadcast(text)),
      // With few sockets and changes there is nothing left of it that could be measured.
      ours: Math.max(0.01, (await cpuOf(gateway, ours, events, gateway.tell)) - alone / count),
    };
    // The first is a warm-up.
    if (n > 0) rounds.push(measured);
  }
  const gone = [...ours.sockets, ...bare.sockets].map((socket) => once(socket, 'close'));
  for (const socket of [...ours.sockets, ...bare.sockets]) socket.terminate();
  await Promise.all(gone);
  return {
    ours: median(rounds.map((round) => round.ours)),
    ratio: median(rounds.map((round) => round.ours / round.bare)),
  };
}

/** What the page asks for, of what happens in a conversation. */
function pageDocument(): string {
  const entry = readManifest().entries.findLast(({ document }) =>
    document?.includes('subscription ConversationEvents('),
  );
  if (!entry?.document) throw new Error('the page follows no conversation: is gateway/documents/manifest.json whole?');
  return entry.document;
}

/** The server's CPU time for a change that nobody watches, in µs. */
async function cpuOfAlone(gateway: GatewayProcess, changes: number): Promise<number> {
  for (let n = 0; n < changes; n++) await gateway.tell();
  const before = await gateway.cpu();
  for (let n = 0; n < changes; n++) await gateway.tell();
  return ((await gateway.cpu()) - before) / changes;
}

/** A socket that watches the conversation, of one of its members. */
const watch = (gateway: GatewayProcess, { conversation }: Begun, query: string, n: number): Promise<WebSocket> =>
  subscribe(gateway.url, gateway.authorizations[n % PEOPLE] ?? '', query, {
    id: `conversation_${conversation}`,
    asOf: gateway.version(),
  });

/** Throws where the system does not let a process have so many files open, and says what to do. */
function checkFiles(needed: number): void {
  const limit = Number(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout);
  if (limit < needed) {
    throw new Error(
      `This bench opens ${needed} files, and ${limit} are allowed: run \`ulimit -n ${needed}\` before it.`,
    );
  }
}
