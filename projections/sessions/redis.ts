import type { Uuid } from '../../domain/ids.js';
import { EPSILON, priceOf } from './bucket.js';
import { createCalls } from './redis-calls.js';
import { type Servers, connectServers } from './redis-connect.js';
import { createReplyWriter } from './redis-replies.js';
import { openTopics } from './redis-topics.js';
import { ENDED_MS, REPLY_MS, type Sessions, SessionsError, TYPING_MS } from './sessions.js';

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
// again until it is taken, and whoever waits for that learns that it was not. What is soft answers as if all were lost (no
// text so far, nobody types, every rate limit lets pass, for a chat that stands still is worse than one that is not held
// back); what protects says that it cannot be told (`hasEnded` rejects, as do `attach` and `endSession`), with
// SESSIONS_UNAVAILABLE.

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
/** So many ends of sessions wait for Redis to come back. */
const MOST_ENDS = 10_000;
const TROUBLE_EVERY = 1_000;
/** How often what waits is tried again, and what is over thrown away, in ms. */
const SWEEP = 1_000;

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
  const { ask, askOr, tell, away } = createCalls(servers, trouble);
  const keyOf = (topic: string): string => `${prefix}{${topic}}`;
  const ttl = (until: number): number => Math.min(Math.ceil(until - now()) + MARGIN, Number.MAX_SAFE_INTEGER);

  const replies = createReplyWriter((delta) => {
    const { reply, attempt, part, offset, text } = delta;
    const key = keyOf(`reply:${reply}`);
    const until = now() + REPLY_MS;
    const values = [now(), until, ttl(until), attempt, part, offset, text, text.length, JSON.stringify(delta)];
    return tell(key, () => client.sessionsWrite(key, ...values));
  }, now);

  /** Ends of sessions that Redis has not taken yet. */
  const ends = new Map<string, number>();
  const tellEnd = async (sid: string, until: number): Promise<boolean> => {
    const key = keyOf(`session:${sid}`);
    const values = [now(), until, ttl(until), JSON.stringify({ ended: true })];
    const taken = await tell(key, () => client.sessionsEnd(key, ...values));
    if (taken === undefined) return false;
    if (ends.get(sid) === until) ends.delete(sid);
    return true;
  };

  const timer = setInterval(() => {
    for (const [sid, until] of ends) if (until <= now()) ends.delete(sid);
    if (client.status !== 'ready') return;
    replies.sweep();
    for (const [sid, until] of ends) void tellEnd(sid, until);
  }, SWEEP).unref();

  return {
    publish: (topic, notice) => {
      const key = keyOf(topic);
      const text = JSON.stringify(notice);
      void tell(key, () => client.spublish(key, text));
    },
    attach: (topic, listener) => topics.attach(keyOf(topic), listener),
    writeReply: (delta) => void replies.write(delta),
    readReply: (reply) => {
      const key = keyOf(`reply:${reply}`);
      return askOr(undefined, key, async () => {
        const [until, attempt, part, text] = await client.hmget(key, 'until', 'attempt', 'part', 'text');
        if (!(Number(until) > now()) || text === null || text === undefined) return undefined;
        return { reply, attempt: Number(attempt), part: Number(part), offset: 0, text };
      });
    },
    endReply: (reply) => {
      replies.end(reply);
      const key = keyOf(`reply:${reply}`);
      const until = now() + ENDED_MS;
      const values = [until, ttl(until), JSON.stringify({ reply, ended: true })];
      void tell(key, () => client.sessionsEndReply(key, ...values));
    },
    setTyping: (conversation, user, typing) => {
      const key = keyOf(`typing:${conversation}`);
      const until = now() + TYPING_MS;
      const values = [now(), until, ttl(until), user, typing ? '1' : '0', JSON.stringify({ user, typing })];
      void tell(key, () => client.sessionsTyping(key, ...values));
    },
    readTyping: (conversation) => {
      const key = keyOf(`typing:${conversation}`);
      return askOr<readonly Uuid[]>([], key, async () => {
        const people = Object.entries(await client.hgetall(key));
        return people
          .map(([user, state]) => ({ user, order: Number(state.split(' ')[0]), until: Number(state.split(' ')[1]) }))
          .filter(({ until }) => until > now())
          .toSorted((a, b) => a.order - b.order)
          .map(({ user }) => user);
      });
    },
    take: async (bucket, rate, count = 1) => {
      const { cost, most } = priceOf(rate, count);
      const key = keyOf(`take:${bucket}`);
      return askOr(0, key, async () => Number(await client.sessionsTake(key, now(), cost, most, EPSILON, MARGIN)));
    },
    endSession: (sid, until) => {
      if (until > Math.max(now(), ends.get(sid) ?? 0)) ends.set(sid, until);
      const [oldest] = ends.keys();
      if (ends.size > MOST_ENDS && oldest !== undefined) ends.delete(oldest);
      const kept = tellEnd(sid, until).then((taken) => {
        if (!taken) throw away();
      });
      // Operators are told by `tell`, whether anybody waits or not.
      kept.catch(() => undefined);
      return kept;
    },
    hasEnded: async (sid) => {
      if ((ends.get(sid) ?? 0) > now()) return true;
      const key = keyOf(`session:${sid}`);
      return Number(await ask(key, () => client.get(key))) > now();
    },
    connected: () => {
      const { topics: all, confirmed } = topics.counts();
      return client.status === 'ready' && all === confirmed;
    },
    counts: topics.counts,
    close: () => {
      closed = true;
      clearInterval(timer);
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
