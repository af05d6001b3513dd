import type { Redis } from 'ioredis';
import { PATIENCE, type Servers, slotOf } from './redis-connect.js';
import { type Detach, SessionsError } from './sessions.js';

/** How long somebody waits at most until a subscription is confirmed, in ms. */
const LONGEST_WAIT = 1.5 * PATIENCE;
/** How often servers are asked whether they are there, and what is not subscribed is tried again, in ms. */
const BEAT = 1_000;

type Listener = (notice: unknown) => void;

/** A connection that only hears, to one server; one for each server of a cluster. */
type Link = { readonly server: string; readonly redis: Redis; up: boolean };

type Channel = {
  readonly name: string;
  readonly slot: number;
  readonly listeners: Set<Listener>;
  /** How many need it: who listens, and who is about to. */
  holders: number;
  /** Those who wait until it is confirmed, to be told so, or why it never will be. */
  readonly waiting: Set<(error?: SessionsError) => void>;
  /** Where the server has confirmed the subscription; it holds as long as that connection. */
  link: Link | undefined;
  asking: Promise<void> | undefined;
};

export type Topics = ReturnType<typeof openTopics>;

/**
 * Subscriptions to sharded channels, many listeners on one, each notice parsed once for all of them. The client's own
 * subscribers for clusters are not used: they tell nobody whether a subscription was made again. Here every connection is
 * ours, so that each channel is known to be confirmed or not, is asked for again when its connection is new or its slot
 * has moved, and a connection that only looks alive is found out by a ping. Notices in between are lost: readers hear of
 * repeated heads, or look again, and so heal.
 */
export function openTopics(servers: Servers, onTrouble: (error: unknown) => void) {
  const links = new Map<string, Link>();
  const channels = new Map<string, Channel>();
  let closed = false;

  const deliver = (name: string, text: string): void => {
    const channel = channels.get(name);
    if (!channel || channel.listeners.size === 0) return;
    try {
      const notice: unknown = JSON.parse(text);
      // One that throws is not to take the connection with it.
      for (const listener of channel.listeners) listener(notice);
    } catch (error) {
      onTrouble(error);
    }
  };

  /** A server's answers hold no longer: its connection broke, or a slot has left it. */
  const forget = (link: Link): void => {
    for (const channel of channels.values()) if (channel.link === link) channel.link = undefined;
  };

  const linkTo = (server: string): Link => {
    const before = links.get(server);
    if (before) return before;
    const link: Link = { server, redis: servers.connect(server), up: false };
    links.set(server, link);
    link.redis
      .on('smessage', deliver)
      .on('ready', () => {
        link.up = true;
        lookOver();
      })
      .on('close', () => {
        link.up = false;
        forget(link);
      })
      .on('moved', () => {
        forget(link);
        // Not at once: those who hand a slot over do not agree at once.
        setTimeout(servers.lookAgain, 100).unref();
      });
    return link;
  };

  const ask = async (channel: Channel, link: Link): Promise<void> => {
    const before = channel.link;
    await link.redis.ssubscribe(channel.name);
    channel.link = link;
    if (before?.up) leave(channel.name, before);
    for (const tell of channel.waiting) tell();
  };

  const leave = (name: string, link: Link): void => {
    // Where it fails, the connection is gone, and all of its subscriptions with it.
    link.redis.sunsubscribe(name).catch(() => undefined);
  };

  /** Sees to it that a channel is subscribed at the server that has its slot; tried again at each beat. */
  const subscribe = (channel: Channel): void => {
    const server = servers.of(channel.slot);
    if (server === undefined || channel.asking || channel.link?.server === server) return;
    const link = linkTo(server);
    if (!link.up) return;
    channel.asking = ask(channel, link)
      .catch(onTrouble)
      .finally(() => {
        channel.asking = undefined;
        release(channel);
      });
  };

  /** Lets go of a channel that nobody hears. One that is being asked for comes here again. */
  const release = (channel: Channel): void => {
    if (channel.holders > 0 || channel.asking || channels.get(channel.name) !== channel) return;
    channels.delete(channel.name);
    if (channel.link?.up) leave(channel.name, channel.link);
  };

  const lookOver = (): void => {
    if (closed) return;
    for (const channel of channels.values()) subscribe(channel);
    const known = servers.all();
    for (const [server, { redis }] of links) {
      if (known.has(server)) continue;
      links.delete(server);
      redis.disconnect();
    }
  };
  servers.onLook(lookOver);
  const beat = setInterval(() => {
    // The answer is awaited by the connection's own timeout.
    for (const { up, redis } of links.values()) if (up) redis.ping().catch(() => undefined);
    lookOver();
  }, BEAT).unref();

  const confirmed = (channel: Channel): Promise<void> =>
    new Promise((resolve, reject) => {
      const done = (error?: SessionsError): void => {
        clearTimeout(timer);
        channel.waiting.delete(done);
        if (error) reject(error);
        else resolve();
      };
      const timer = setTimeout(() => done(away()), LONGEST_WAIT);
      channel.waiting.add(done);
      subscribe(channel);
    });
  const away = (): SessionsError =>
    new SessionsError('SESSIONS_UNAVAILABLE', `Redis does not answer at ${servers.address}. Try again in a moment.`);

  const channelOf = (name: string): Channel => {
    const channel = channels.get(name) ?? {
      name,
      slot: slotOf(name),
      listeners: new Set(),
      holders: 0,
      waiting: new Set(),
      link: undefined,
      asking: undefined,
    };
    channels.set(name, channel);
    return channel;
  };

  return {
    /**
     * Resolves when the server has confirmed; the listener is told of nothing before. Rejects with SESSIONS_UNAVAILABLE
     * after LONGEST_WAIT.
     */
    attach: async (name: string, listener: Listener): Promise<Detach> => {
      if (closed) throw away();
      const channel = channelOf(name);
      const own: Listener = (notice) => listener(notice);
      const drop = (): void => {
        channel.holders -= 1;
        release(channel);
      };
      channel.holders += 1;
      try {
        if (!channel.link) await confirmed(channel);
      } catch (error) {
        drop();
        throw error;
      }
      channel.listeners.add(own);
      return () => {
        if (channel.listeners.delete(own)) drop();
      };
    },
    /** How many listen, on how many channels, and how many of those a server has confirmed. */
    counts: () => {
      const all = [...channels.values()];
      const listeners = all.reduce((sum, channel) => sum + channel.listeners.size, 0);
      return { listeners, topics: all.length, confirmed: all.filter(({ link }) => link).length };
    },
    close: (): void => {
      closed = true;
      clearInterval(beat);
      const left = [...channels.values()];
      channels.clear();
      for (const { waiting } of left) for (const tell of waiting) tell(away());
      for (const { redis } of links.values()) redis.disconnect();
    },
  };
}
