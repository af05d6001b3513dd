import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';
import type { Harness } from './testing.js';

export type Frame = { readonly id?: string; readonly type: string; readonly payload?: unknown };

/** A socket with nothing between the test and the frames. */
export type Raw = {
  readonly socket: WebSocket;
  send(frame: object | string): void;
  /** The next frame that fits; those before it are dropped. Rejects where the socket closes first. */
  next(fits: (frame: Frame) => boolean): Promise<Frame>;
  /** With what it was closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
};

export async function openRaw({ publicUrl }: Pick<Harness, 'publicUrl'>, options: ClientOptions = {}): Promise<Raw> {
  const socket = new WebSocket(`${publicUrl.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', options);
  const frames: Frame[] = [];
  let wake: (() => void) | undefined;
  socket.on('message', (data) => {
    frames.push(JSON.parse(String(data)));
    wake?.();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => {
      resolve({ code, reason: String(reason) });
      wake?.();
    });
  });
  await once(socket, 'open');
  socket.on('error', () => undefined);
  return {
    socket,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    next: async (fits) => {
      for (;;) {
        for (let frame = frames.shift(); frame; frame = frames.shift()) if (fits(frame)) return frame;
        if (socket.readyState === WebSocket.CLOSED) {
          throw new Error(`the socket has closed: ${JSON.stringify(await closed)}`);
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** A socket on which somebody is signed in. */
export async function openSignedIn(
  harness: Harness,
  subject: string,
  changes: Parameters<Harness['token']>[1] = {},
): Promise<Raw> {
  const raw = await openRaw(harness);
  raw.send({ type: 'connection_init', payload: { authorization: `Bearer ${await harness.token(subject, changes)}` } });
  await raw.next(({ type }) => type === 'connection_ack');
  return raw;
}

/** Runs one operation on a socket: its first result or its errors. */
export async function runOn(raw: Raw, id: string, payload: object): Promise<unknown> {
  raw.send({ id, type: 'subscribe', payload });
  const frame = await raw.next((found) => found.id === id && (found.type === 'next' || found.type === 'error'));
  return frame.payload;
}
