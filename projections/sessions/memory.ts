import type { Uuid } from '../../domain/ids.js';
import { spend } from './bucket.js';
import { ENDED_MS, REPLY_MS, type ReplyDelta, type Sessions, TYPING_MS } from './sessions.js';

export type MemorySessionsOptions = {
  /** Ms since 1970. */
  readonly now: () => number;
  /** How often what has expired is thrown away though nobody asked for it, in ms. Default 5,000. */
  readonly sweepEvery?: number;
};

/** `listeners`: how many are attached. `kept`: how many things are remembered, of all kinds. */
export type MemorySessions = Sessions & { counts(): { readonly listeners: number; readonly kept: number } };

type Listener = (notice: unknown) => void;

/** Session views within one process. */
export function memorySessions({ now, sweepEvery = 5_000 }: MemorySessionsOptions): MemorySessions {
  const topics = new Map<string, Set<Listener>>();
  const replies = expiring<Uuid, ReplyDelta>(now);
  const endedReplies = expiring<Uuid, true>(now);
  const typists = new Map<Uuid, Expiring<Uuid, true>>();
  const buckets = expiring<string, number>(now);
  const endedSessions = expiring<string, true>(now);

  const sweep = (): void => {
    for (const kept of [replies, endedReplies, buckets, endedSessions]) kept.sweep();
    for (const [conversation, people] of typists) {
      people.sweep();
      if (people.size() === 0) typists.delete(conversation);
    }
  };
  const timer = setInterval(sweep, sweepEvery).unref();

  const publish = (topic: string, notice: object): void => {
    const listeners = topics.get(topic);
    if (!listeners) return;
    // One copy for all who hear, for each may keep it in a queue.
    const copy: unknown = JSON.parse(JSON.stringify(notice));
    for (const listener of listeners) {
      setImmediate(() => {
        if (topics.get(topic)?.has(listener)) listener(copy);
      });
    }
  };

  return {
    publish,
    attach: async (topic, listener) => {
      const own: Listener = (notice) => listener(notice);
      const listeners = topics.get(topic) ?? new Set();
      topics.set(topic, listeners.add(own));
      return () => {
        listeners.delete(own);
        if (listeners.size === 0 && topics.get(topic) === listeners) topics.delete(topic);
      };
    },
    writeReply: (delta) => {
      const before = replies.get(delta.reply);
      if (endedReplies.get(delta.reply) || (before && delta.attempt < before.attempt)) return;
      const text = before?.attempt === delta.attempt ? before.text : '';
      // A gap: nobody could tell what is missing.
      if (delta.offset > text.length) return;
      const whole = { ...delta, offset: 0, text: text.slice(0, delta.offset) + delta.text };
      replies.set(delta.reply, whole, now() + REPLY_MS);
      publish(`reply:${delta.reply}`, delta);
    },
    readReply: async (reply) => replies.get(reply),
    endReply: (reply) => {
      replies.delete(reply);
      endedReplies.set(reply, true, now() + ENDED_MS);
      publish(`reply:${reply}`, { reply, ended: true });
    },
    setTyping: (conversation, user, typing) => {
      const people = typists.get(conversation) ?? expiring(now);
      if (typing) typists.set(conversation, people.set(user, true, now() + TYPING_MS));
      else people.delete(user);
      if (people.size() === 0) typists.delete(conversation);
      publish(`typing:${conversation}`, { user, typing });
    },
    readTyping: async (conversation) => typists.get(conversation)?.keys() ?? [],
    take: async (key, rate, count = 1) => {
      const { wait, full } = spend(rate, count, buckets.get(key), now());
      if (wait === 0) buckets.set(key, full, full);
      return wait;
    },
    endSession: async (sid, until) => {
      if (until > (endedSessions.until(sid) ?? now())) endedSessions.set(sid, true, until);
      publish(`session:${sid}`, { ended: true });
    },
    hasEnded: async (sid) => endedSessions.get(sid) ?? false,
    counts: () => ({
      listeners: [...topics.values()].reduce((sum, listeners) => sum + listeners.size, 0),
      kept:
        replies.size() +
        endedReplies.size() +
        buckets.size() +
        endedSessions.size() +
        [...typists.values()].reduce((sum, people) => sum + people.size(), 0),
    }),
    close: () => {
      clearInterval(timer);
      topics.clear();
      typists.clear();
      for (const kept of [replies, endedReplies, buckets, endedSessions]) kept.clear();
    },
  };
}

/** A map whose entries end at a time of their own. `size` counts those too that have ended and were not swept away yet. */
type Expiring<K, V> = {
  get(key: K): V | undefined;
  until(key: K): number | undefined;
  /** A key that is there keeps its place. */
  set(key: K, value: V, until: number): Expiring<K, V>;
  delete(key: K): void;
  keys(): readonly K[];
  sweep(): void;
  clear(): void;
  size(): number;
};

function expiring<K, V>(now: () => number): Expiring<K, V> {
  const entries = new Map<K, { readonly value: V; readonly until: number }>();
  const live = (key: K): { readonly value: V; readonly until: number } | undefined => {
    const entry = entries.get(key);
    if (entry && entry.until <= now()) {
      entries.delete(key);
      return undefined;
    }
    return entry;
  };
  const sweep = (): void => {
    for (const key of entries.keys()) live(key);
  };
  const map: Expiring<K, V> = {
    get: (key) => live(key)?.value,
    until: (key) => live(key)?.until,
    set: (key, value, until) => {
      live(key);
      entries.set(key, { value, until });
      return map;
    },
    delete: (key) => void entries.delete(key),
    keys: () => {
      sweep();
      return [...entries.keys()];
    },
    sweep,
    clear: () => entries.clear(),
    size: () => entries.size,
  };
  return map;
}
