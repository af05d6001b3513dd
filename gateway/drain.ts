import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { cut } from './seats.js';

/** How long an operation may hold up the end of its socket, in ms. */
export const GRACE = 5_000;
const LOOK = 20;

export const RESTARTING = 'The server is restarting. Come back in a moment.';

/** 1012: the server restarts. Clients come back by themselves. */
export const dismiss = (socket: WebSocket): void => cut(socket, 1012, RESTARTING);

/** Dismisses sockets one by one, evenly over so many ms; each once what was asked for on it is answered, within GRACE. */
export async function dismissAll(
  sockets: readonly WebSocket[],
  window: number,
  owesAnswers: (socket: WebSocket) => boolean,
): Promise<void> {
  const dismissInTime = async (socket: WebSocket, wait: number): Promise<void> => {
    await sleep(wait);
    for (let waited = 0; owesAnswers(socket) && waited < GRACE; waited += LOOK) await sleep(LOOK);
    if (socket.readyState === socket.OPEN) dismiss(socket);
  };
  await Promise.all(sockets.map((socket, n) => dismissInTime(socket, (window * n) / sockets.length)));
}
