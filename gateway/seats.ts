import { GraphQLError } from 'graphql';
import { CloseCode } from 'graphql-ws';
import type { WebSocket } from 'ws';
import type { Uuid } from '../domain/ids.js';
import type { Identity } from './identity/identity.js';
import type { Limits } from './limits/limits.js';
import { clientError } from './schema/ids.js';
import type { Standing } from './standing.js';
import { TokenError, type Verifier } from './tokens.js';

/** A socket that said who it is. */
export type Seat = {
  readonly socket: WebSocket;
  /** Of the newest token that came. */
  identity: Identity;
  /** How many operations run on it. */
  running(): number;
};

/** What a socket is closed with: a code (4403 may come back with a fresh token, 1013 as they are, 4400, 4401 and 4429 not) and a reason. */
export type Refusal = readonly [code: number, reason: string];

export type SeatsOptions = {
  readonly verify: Verifier;
  readonly standing: Standing;
  readonly limits: Limits;
  readonly now: () => number;
  /** Told how many there are, whenever it changes. */
  readonly onCount: (count: number) => void;
};

export type Seats = ReturnType<typeof createSeats>;

const LONGEST_TIMER = 2 ** 31 - 1;
/** For how long a closed socket may take its leave, in ms. */
const FAREWELL = 1_000;

/** Who sits on which socket: until their token ends, their standing is lost, or they leave. */
export function createSeats({ verify, standing, limits, now, onCount }: SeatsOptions) {
  const seats = new Map<WebSocket, Seat>();
  const people = new Map<Uuid, Set<Seat>>();
  const endings = new Map<Seat, () => void>();

  /** Holds a seat to a token. Returns what is wrong where it cannot be told whether its person may be here. */
  const hold = async (seat: Seat, identity: Identity): Promise<Refusal | undefined> => {
    const lost = (error: unknown): void => cut(seat.socket, ...refusalOf(error));
    const unwatch = await standing.watch(identity, lost).catch(refusalOf);
    if (typeof unwatch !== 'function') return unwatch;
    endings.get(seat)?.();
    // Whoever left meanwhile is watched no longer; there is no other end to it.
    if (!seats.has(seat.socket)) {
      unwatch();
      return undefined;
    }
    const ends = Math.min(identity.expires - now(), LONGEST_TIMER);
    const expiry = setTimeout(() => {
      cut(seat.socket, CloseCode.Forbidden, 'TOKEN_EXPIRED: The token has ended. Refresh it.');
    }, ends);
    seat.identity = identity;
    endings.set(seat, () => {
      clearTimeout(expiry);
      unwatch();
    });
    return undefined;
  };

  const verified = async (authorization: unknown): Promise<Identity | Refusal> => {
    try {
      const identity = await verify(typeof authorization === 'string' ? authorization : undefined);
      await standing.check(identity);
      return identity;
    } catch (error) {
      return refusalOf(error);
    }
  };

  return {
    /** Seats a person on a socket. Returns what is wrong instead. */
    sit: async (socket: WebSocket, authorization: unknown, running: () => number): Promise<Refusal | undefined> => {
      const identity = await verified(authorization);
      if (!('user' in identity)) return identity;
      // It has closed meanwhile, and nobody would tell again.
      if (socket.readyState !== socket.OPEN) return [CloseCode.Forbidden, 'The socket has closed.'];
      const others = people.get(identity.user) ?? new Set();
      if (others.size >= limits.person.sockets) {
        const most = `TOO_MANY_SOCKETS: One person has ${limits.person.sockets} sockets. Close some.`;
        return [CloseCode.TooManyInitialisationRequests, most];
      }
      const seat: Seat = { socket, identity, running };
      seats.set(socket, seat);
      people.set(identity.user, others.add(seat));
      onCount(seats.size);
      return hold(seat, identity);
    },

    /**
     * Takes a fresh token for a seat, so that it goes on when the old one ends. One that is not good changes nothing: the
     * old one counts. One of another person closes the socket for good. Resolves with when the token ends that counts.
     */
    refresh: async (socket: WebSocket, authorization: unknown): Promise<number | undefined> => {
      const seat = seats.get(socket);
      if (!seat) return undefined;
      const identity = await verified(authorization);
      if ('user' in identity) {
        if (identity.user !== seat.identity.user) {
          cut(socket, CloseCode.BadRequest, 'TOKEN_INVALID: This token is of another person. Open another socket.');
          return undefined;
        }
        if (identity.expires > seat.identity.expires) await hold(seat, identity);
      }
      return seat.identity.expires;
    },

    rise: (socket: WebSocket): void => {
      const seat = seats.get(socket);
      if (!seat) return;
      seats.delete(socket);
      const others = people.get(seat.identity.user);
      others?.delete(seat);
      if (others?.size === 0) people.delete(seat.identity.user);
      endings.get(seat)?.();
      endings.delete(seat);
      onCount(seats.size);
    },

    /** The seat of a socket, if one more operation may begin on it. Throws TOO_MANY_OPERATIONS, or TOKEN_MISSING. */
    forOneMore: (socket: WebSocket): Seat => {
      const seat = seats.get(socket);
      if (!seat) throw clientError('TOKEN_MISSING', 'Sign in first.');
      if (seat.running() > limits.socket.running) {
        throw tooMany(`At most ${limits.socket.running} operations run on one socket at a time.`);
      }
      let all = 0;
      for (const { running } of people.get(seat.identity.user) ?? []) all += running();
      if (all <= limits.person.running) return seat;
      throw tooMany(`At most ${limits.person.running} operations of one person run at a time.`);
    },
  };
}

const tooMany = (message: string): GraphQLError =>
  clientError('TOO_MANY_OPERATIONS', `${message} Complete some, and send it again.`);

/** Closes a socket. Who does not answer to that is cut off, for until then they would still be heard. */
export function cut(socket: WebSocket, code: number, reason: string): void {
  // The protocol has room for no more.
  socket.close(
    code,
    Buffer.from(reason)
      .subarray(0, 120)
      .toString()
      .toWellFormed()
      .replace(/\uFFFD+$/, ''),
  );
  setTimeout(() => socket.terminate(), FAREWELL).unref();
}

/** How a socket is closed for want of a token or of standing: for good, unless a fresh token or time may mend it. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof TokenError) return [CloseCode.Forbidden, `${error.code}: ${error.message}`];
  if (!(error instanceof GraphQLError)) throw error;
  const code = String(error.extensions['code']);
  // 1013: try again later. Not 4403, at which clients throw their token away, with which nothing is wrong.
  return [code === 'UNAVAILABLE' ? 1013 : CloseCode.Unauthorized, `${code}: ${error.message}`];
}
