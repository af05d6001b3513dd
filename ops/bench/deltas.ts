import type { WebSocket } from 'ws';
import { type Figure, median, scaled } from './figure.js';
import { cpuOf, openCrowd } from './crowd.js';
import { type Begun, type GatewayProcess, withGateway } from './gateway-process.js';
import { openSocket, subscribe } from './socket.js';
import { withFolder } from './writeside.js';

const SOCKETS = 200;
const ROUNDS = 7;
const PIECES = 50;

/**
 * What a piece of a running reply costs the server, from the moment that it is written to the socket: each of many sockets
 * follows a reply of its own, as each tab of each person does. Beside it bare `ws` sends of frames of the same size, made
 * and sent one by one. CPU time of the server's process for each frame, in interleaved rounds.
 */
export const deltas = (scale: number): Promise<readonly Figure[]> =>
  withFolder((folder) =>
    withGateway(folder, async (gateway) => {
      const begun = await gateway.begin(scaled(SOCKETS, scale));
      const ours = await openCrowd(begun.map((each) => () => follow(gateway, each)));
      const bare = await openCrowd(begun.map(() => () => openSocket(gateway.bareUrl)));
      const pieces = scaled(PIECES, scale);
      const rounds: { ours: number; bare: number }[] = [];
      for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
        const measured = {
          bare: await cpuOf(gateway, bare, pieces, gateway.send),
          ours: await cpuOf(gateway, ours, pieces, gateway.write),
        };
        // The first is a warm-up.
        if (n > 0) rounds.push(measured);
      }
      for (const socket of [...ours.sockets, ...bare.sockets]) socket.terminate();
      const ratio = median(rounds.map((round) => round.ours / round.bare));
      return [
        { metric: 'sockets', value: begun.length, unit: '' },
        { metric: 'CPU time of a delivered piece', value: median(rounds.map((round) => round.ours)), unit: 'µs' },
        { metric: 'CPU time of a bare frame', value: median(rounds.map((round) => round.bare)), unit: 'µs' },
        { metric: 'CPU time, against bare frames', value: ratio, unit: '×', goal: 2, better: 'lower' },
      ];
    }),
  );

/** A socket that follows a reply. What is written before it does comes to it as the text so far: in one frame as well. */
const follow = (gateway: GatewayProcess, { person, reply }: Begun): Promise<WebSocket> =>
  subscribe(
    gateway.url,
    gateway.authorizations[person] ?? '',
    'subscription ($id: ID!) { replyDeltas(id: $id) { attempt offset text } }',
    { id: `message_${reply}` },
  );
