import type { Uuid } from '../../domain/ids.js';
import type { ReplyDelta, Sessions } from './sessions.js';

type Listener = (notice: unknown) => void;

/** How many ended replies are remembered, so that what comes late does not bring one back. */
const ENDS = 1_000;

/** Session views within one process. */
export function memorySessions(): Sessions {
  const topics = new Map<string, Set<Listener>>();
  const replies = new Map<Uuid, ReplyDelta>();
  const ends = new Set<Uuid>();

  const publish = (topic: string, notice: object): void => {
    const json = JSON.stringify(notice);
    for (const listener of topics.get(topic) ?? []) {
      setImmediate(() => {
        if (topics.get(topic)?.has(listener)) listener(JSON.parse(json));
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
      if (ends.has(delta.reply) || (before && delta.attempt < before.attempt)) return;
      const text = before?.attempt === delta.attempt ? before.text : '';
      // A gap: nobody could tell what is missing.
      if (delta.offset > text.length) return;
      replies.set(delta.reply, { ...delta, offset: 0, text: text.slice(0, delta.offset) + delta.text });
      publish(`reply:${delta.reply}`, delta);
    },
    readReply: async (reply) => replies.get(reply),
    endReply: (reply) => {
      replies.delete(reply);
      const [oldest] = ends.add(reply);
      if (ends.size > ENDS && oldest !== undefined) ends.delete(oldest);
      publish(`reply:${reply}`, { reply, ended: true });
    },
    close: () => {
      topics.clear();
      replies.clear();
      ends.clear();
    },
  };
}
