import type { WebSocket } from 'ws';
import type { Limits } from './limits.js';

/** How often the sockets are looked at, in ms. */
const EVERY = 1_000;
/** How long a peer may be silent after a ping, in ms. */
const SILENCE = 12_000;

type Reader = { unread: number; since: number; pinged: number; alive: boolean };

/**
 * Cuts off who does not read: too much unread at a delivery, or for a while; nothing read for long; or no answer to a
 * ping; `onCut` is told of each. They come back and resume; until then what is sent to them would pile up here.
 */
export function watchReaders({ unread, stalled }: Limits['socket'], now: () => number, onCut: () => void) {
  const readers = new Map<WebSocket, Reader>();

  const cutOff = (socket: WebSocket): void => {
    onCut();
    socket.terminate();
  };

  const look = (socket: WebSocket, reader: Reader): void => {
    const { bufferedAmount } = socket;
    const reads = bufferedAmount === 0 || bufferedAmount < reader.unread;
    if (reads) reader.since = now();
    reader.unread = bufferedAmount;
    // Much may be on its way to somebody who reads: one delivery can be large, and would be again when they come back.
    if (!reads && (bufferedAmount > unread || now() - reader.since > stalled)) return cutOff(socket);
    if (now() - reader.pinged < SILENCE) return;
    if (!reader.alive) return cutOff(socket);
    reader.alive = false;
    reader.pinged = now();
    if (socket.readyState === socket.OPEN) socket.ping();
  };
  const timer = setInterval(() => {
    for (const [socket, reader] of readers) look(socket, reader);
  }, EVERY);

  return {
    /** Returns how to end it. */
    watch: (socket: WebSocket): (() => void) => {
      const reader: Reader = { unread: 0, since: now(), pinged: now(), alive: true };
      readers.set(socket, reader);
      socket.on('pong', () => {
        reader.alive = true;
      });
      return () => readers.delete(socket);
    },
    /** At a delivery, for what other deliveries have left. */
    check: (socket: WebSocket): void => {
      if (socket.bufferedAmount > unread) cutOff(socket);
    },
    stop: () => clearInterval(timer),
  };
}
