import type { Uuid } from '../../domain/ids.js';
import { EPSILON, priceOf } from './bucket.js';
import { PATIENCE, type Servers, connectServers } from './redis-connect.js';
import type { Written } from './redis-scripts.js';
import { openTopics } from './redis-topics.js';
import { ENDED_MS, REPLY_MS, type ReplyDelta, type Sessions, SessionsError, TYPING_MS } from './sessions.js';

// What is in Redis: one key for each thing, named as its topic, in braces, so that the key and the channel where it is
// told are in one slot of a cluster. Nothing else is kept there, and each has a TTL: how long it counts and MARGIN more.
//
// | key                        | holds                                              | counts for     | if it is lost
// | -------------------------- | -------------------------------------------------- | -------------- | -------------
// | {reply:<id>}    hash       | the text so far; once it has ended, that it has    | REPLY_MS from  | the writer's next piece brings
// |                            |                                                    | the last piece,| all of it again; the log has
// |                            |                                                    | then ENDED_MS  | the whole text in the end
// | {typing:<id>}   hash       | who types: place in the order, until when          | TYPING_MS      | shown again as they type on
// | {session:<sid>} string     | until when it is remembered that a session is over | until then     | its token works until it ends
// | {take:<key>}    string     | when a token bucket is full again                  | until then     | the bucket is full
//
// Channels: every topic as {<topic>}, by sharded pub/sub.
//
// While Redis is away nothing waits for it and nothing is kept for later, but for one thing: the end of a session is told
// again until it is taken. What is soft answers as if all were lost (no text so far, nobody types, every rate limit lets
// pass, for a chat that stands still is worse than one that is not held back); what protects says that it cannot be told
// (`hasEnded` rejects, as does `attach`), with SESSIONS_UNAVAILABLE.

export type RedisSessionsOptions = {
  /** `redis[s]://[user:password@]host[:port][/db]`, or several hosts with commas between: a cluster. Redis 7 or newer. */
  readonly url: string;
  /** Ms since 1970. */
  readonly now: () => number;
  /** Before every key and channel. Default `verbatim:`. */
  readonly prefix?: string;
  /** How long Redis may take to be found at the start, in ms. Default 10,000. */
  readonly within?: number;
  /** Told of what went wrong, at most once a second; nothing of it ends the process. */
  readonly onTrouble?: (error: unknown) => void;
};

export type RedisSessions = Sessions & {
  /** Whether Redis can be reached now, and every topic that somebody hears is subscribed. */
  connected(): boolean;
  /** `listeners`: how many are attached, to how many `topics`, and how many of those the server has `confirmed`. */
  counts(): { readonly listeners: number; readonly topics: number; readonly confirmed: number };
};

/** How long a key stays longer than it counts, in ms: clocks differ, and what counts is the time of who asks. */
const MARGIN = 60_000;
/** More than that on its way to Redis at once, and the next is dropped. */
const MOST_ON_THE_WAY = 10_000;
/** So many ends of sessions wait for Redis to come back. */
const MOST_ENDS = 10_000;
const TROUBLE_EVERY = 1_000;
/** How often what waits is tried again, and what is over thrown away, in ms. */
const SWEEP = 1_000;

/**
 * Text that this process writes: all of it, to bring it back. `brought`: when that was done, as a place among all that was
 * sent. `lacks`: it is not known whether Redis has all of it.
 */
type Own = { whole: ReplyDelta; until: number; brought: number; lacks: boolean };

/**
 * Session views in Redis, for a fleet. Resolves when it is reached. Throws SESSIONS_URL, SESSIONS_VERSION, or
 * SESSIONS_UNREACHABLE. Later it may go away and come back as it likes.
 */
export async function redisSessions(options: RedisSessionsOptions): Promise<RedisSessions> {
  const { url, now, prefix = 'verbatim:', within = 10_000 } = options;
  let told = -Infinity;
  let last: unknown;
  let closed = false;
  const trouble = (error: unknown): void => {
    last = error;
    if (closed || Math.abs(now() - told) < TROUBLE_EVERY) return;
    told = now();
    options.onTrouble?.(error);
  };
  const servers = connectServers({ url, name: `${prefix}sessions`, onTrouble: trouble });
  const { client } = servers;
  try {
    await reached(servers, within, () => last);
  } catch (error) {
    client.disconnect();
    throw error;
  }

  const topics = openTopics(servers, trouble);
  const running = new Map<Uuid, Own>();
  const ends = new Map<string, number>();
  const keyOf = (topic: string): string => `${prefix}{${topic}}`;
  const ttl = (until: number): number => Math.min(Math.ceil(until - now()) + MARGIN, Number.MAX_SAFE_INTEGER);
  let sent = 0;
  let onTheWay = 0;

  /** Asks Redis. Rejects with SESSIONS_UNAVAILABLE, after 2 × PATIENCE at the latest. */
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    const away = (cause?: unknown): SessionsError =>
      new SessionsError('SESSIONS_UNAVAILABLE', `Redis does not answer at ${servers.address}. Try again in a moment.`, {
        cause,
      });
    // It would be put in a queue.
    if (client.status !== 'ready') throw away(last);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(away()), 2 * PATIENCE);
    });
    try {
      return await Promise.race([question(), late]);
    } catch (error) {
      throw error instanceof SessionsError ? error : away(error);
    } finally {
      clearTimeout(timer);
    }
  };

  /** Asks, and answers for Redis where that does not. */
  const askOr = <T>(otherwise: T, question: () => Promise<T>): Promise<T> =>
    ask(question).catch((error: unknown) => {
      trouble(error);
      return otherwise;
    });

  /** Tells Redis, if it is there. */
  const tell = async <T>(word: () => Promise<T>): Promise<T | undefined> => {
    if (onTheWay >= MOST_ON_THE_WAY) {
      const message = `More than ${MOST_ON_THE_WAY} are on their way to Redis at ${servers.address}: the next are dropped.`;
      trouble(new SessionsError('SESSIONS_UNAVAILABLE', message));
      return undefined;
    }
    onTheWay += 1;
    return askOr<T | undefined>(undefined, word).finally(() => {
      onTheWay -= 1;
    });
  };

  const write = (delta: ReplyDelta): Promise<Written | undefined> => {
    const { reply, attempt, part, offset, text } = delta;
    const until = now() + REPLY_MS;
    const values = [now(), until, ttl(until), attempt, part, offset, text, text.length, JSON.stringify(delta)];
    return tell(() => client.sessionsWrite(keyOf(`reply:${reply}`), ...values));
  };

  /** Keeps the text that comes of a piece, if all of it was written here. */
  const keep = (delta: ReplyDelta): Own | undefined => {
    const kept = running.get(delta.reply);
    const before = kept && kept.until > now() ? kept : undefined;
    if (before && delta.attempt < before.whole.attempt) return undefined;
    const text = before?.whole.attempt === delta.attempt ? before.whole.text : '';
    if (delta.offset > text.length) return undefined;
    const own = before ?? { whole: delta, until: 0, brought: 0, lacks: false };
    own.whole = { ...delta, offset: 0, text: text.slice(0, delta.offset) + delta.text };
    own.until = now() + REPLY_MS;
    running.set(delta.reply, own);
    return own;
  };

  /** Brings back a text that Redis has lost, once for all the pieces that found it missing. */
  const bringBack = async (own: Own, missed: number): Promise<void> => {
    if (own.brought > missed || running.get(own.whole.reply) !== own) return;
    own.brought = sent += 1;
    own.lacks = (await write(own.whole)) === undefined;
  };

  const end = (sid: string, until: number): Promise<number | undefined> => {
    const values = [now(), until, ttl(until), JSON.stringify({ ended: true })];
    return tell(() => client.sessionsEnd(keyOf(`session:${sid}`), ...values));
  };
  const tellEnd = async (sid: string, until: number): Promise<void> => {
    if ((await end(sid, until)) !== undefined && ends.get(sid) === until) ends.delete(sid);
  };

  const timer = setInterval(() => {
    for (const [reply, own] of running) {
      if (own.until <= now()) running.delete(reply);
      else if (own.lacks && client.status === 'ready') void bringBack(own, sent);
    }
    for (const [sid, until] of ends) {
      if (until <= now()) ends.delete(sid);
      else if (client.status === 'ready') void tellEnd(sid, until);
    }
  }, SWEEP).unref();

  return {
    publish: (topic, notice) => {
      const text = JSON.stringify(notice);
      void tell(() => client.spublish(keyOf(topic), text));
    },
    attach: (topic, listener) => topics.attach(keyOf(topic), listener),
    writeReply: (delta) => {
      const own = keep(delta);
      const place = (sent += 1);
      void write(delta).then((written) => {
        if (!own || written === 'kept') return;
        if (written === undefined) own.lacks = true;
        else if (written === 'gap') void bringBack(own, place);
        else if (running.get(delta.reply) === own) running.delete(delta.reply);
      });
    },
    readReply: (reply) =>
      askOr(undefined, async () => {
        const fields = await client.hmget(keyOf(`reply:${reply}`), 'until', 'attempt', 'part', 'text');
        const [until, attempt, part, text] = fields;
        if (!(Number(until) > now()) || text === null || text === undefined) return undefined;
        return { reply, attempt: Number(attempt), part: Number(part), offset: 0, text };
      }),
    endReply: (reply) => {
      running.delete(reply);
      const until = now() + ENDED_MS;
      const values = [until, ttl(until), JSON.stringify({ reply, ended: true })];
      void tell(() => client.sessionsEndReply(keyOf(`reply:${reply}`), ...values));
    },
    setTyping: (conversation, user, typing) => {
      const until = now() + TYPING_MS;
      const values = [now(), until, ttl(until), user, typing ? '1' : '0', JSON.stringify({ user, typing })];
      void tell(() => client.sessionsTyping(keyOf(`typing:${conversation}`), ...values));
    },
    readTyping: (conversation) =>
      askOr<readonly Uuid[]>([], async () => {
        const people = Object.entries(await client.hgetall(keyOf(`typing:${conversation}`)));
        return people
          .map(([user, state]) => ({ user, order: Number(state.split(' ')[0]), until: Number(state.split(' ')[1]) }))
          .filter(({ until }) => until > now())
          .toSorted((a, b) => a.order - b.order)
          .map(({ user }) => user);
      }),
    take: async (key, rate, count = 1) => {
      const { cost, most } = priceOf(rate, count);
      return askOr(0, async () =>
        Number(await client.sessionsTake(keyOf(`take:${key}`), now(), cost, most, EPSILON, MARGIN)),
      );
    },
    endSession: (sid, until) => {
      if (until > Math.max(now(), ends.get(sid) ?? 0)) ends.set(sid, until);
      const [oldest] = ends.keys();
      if (ends.size > MOST_ENDS && oldest !== undefined) ends.delete(oldest);
      void tellEnd(sid, until);
    },
    hasEnded: async (sid) => {
      if ((ends.get(sid) ?? 0) > now()) return true;
      return Number(await ask(() => client.get(keyOf(`session:${sid}`)))) > now();
    },
    connected: () => {
      const { topics: all, confirmed } = topics.counts();
      return client.status === 'ready' && all === confirmed;
    },
    counts: topics.counts,
    close: () => {
      closed = true;
      clearInterval(timer);
      running.clear();
      ends.clear();
      topics.close();
      client.disconnect();
    },
  };
}

/** Resolves when Redis answers, and is one that knows sharded channels. */
async function reached({ client, address }: Servers, within: number, lastTrouble: () => unknown): Promise<void> {
  if (client.status !== 'ready') {
    const ready = new Promise<true>((resolve) => client.once('ready', () => resolve(true)));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), within);
    });
    const found = await Promise.race([ready, late]);
    clearTimeout(timer);
    if (!found) {
      const cause = lastTrouble();
      const why = cause instanceof Error ? ` (${cause.message})` : '';
      const message = `No Redis was found at ${address} within ${within / 1_000} s${why}. Is it running, and is REDIS_URL right?`;
      throw new SessionsError('SESSIONS_UNREACHABLE', message, { cause });
    }
  }
  const version = /^redis_version:(\d+)/m.exec(await client.info('server'))?.[1];
  if (Number(version) >= 7) return;
  const message = `Redis at ${address} is of version ${version ?? 'unknown'}: Verbatim needs 7 or newer.`;
  throw new SessionsError('SESSIONS_VERSION', message);
}
