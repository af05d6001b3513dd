import type { WebSocket } from 'ws';
import { type GatewayProcess, awake } from './gateway-process.js';

/** How many sockets are opened at a time. */
const AT_ONCE = 100;

/** Sockets that count what comes, and tell when there were so many frames. */
export type Crowd = { readonly sockets: readonly WebSocket[]; heard(frames: number): Promise<void> };

/** The server's CPU time for each of some pieces, in µs. The next piece is written when the last has come everywhere. */
export async function cpuOf(
  gateway: GatewayProcess,
  { sockets, heard }: Crowd,
  pieces: number,
  tell: () => Promise<void>,
): Promise<number> {
  const before = await gateway.cpu();
  await awake(async () => {
    for (let n = 0; n < pieces; n++) {
      const all = heard(sockets.length);
      await tell();
      await all;
    }
  });
  return ((await gateway.cpu()) - before) / (pieces * sockets.length);
}

/** Opens them, some at a time. */
export async function openCrowd(opening: readonly (() => Promise<WebSocket>)[]): Promise<Crowd> {
  const sockets: WebSocket[] = [];
  for (let n = 0; n < opening.length; n += AT_ONCE) {
    sockets.push(...(await Promise.all(opening.slice(n, n + AT_ONCE).map((open) => open()))));
  }
  let left = 0;
  let done: (() => void) | undefined;
  for (const socket of sockets) {
    socket.on('message', () => {
      left -= 1;
      if (left === 0) done?.();
    });
  }
  return {
    sockets,
    heard: (frames) => {
      left = frames;
      return new Promise((resolve) => (done = resolve));
    },
  };
}
