import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { backOff } from '../backoff.js';
import type { KafkaConnection, KafkaError } from './connect.js';
import { type Page, fetchFrom } from './fetch.js';
import { type Link, openLinks } from './links.js';

/** What a follower is handed: a page, read into records once for all who follow its partition. */
export type Block<T> = { readonly records: readonly T[]; readonly next: number };

/** A place at the end of a partition. */
export type Follower<T> = {
  /** What has come. Undefined when there is no place any more: it fell behind, or something is wrong. Read by oneself then. */
  next(): Promise<Block<T> | undefined>;
  leave(): void;
};

/** The ends of all partitions that somebody in this process follows. */
export type Tails<T> = {
  /** A place, or undefined where the others are already beyond that offset: read up to them first. */
  join(partition: number, from: number): Follower<T> | undefined;
  close(): void;
};

/** Of each partition at most so much comes at once, in bytes. */
const PAGE = 256 << 10;
/** So many pages may wait for a follower. One that falls further behind reads by itself: nobody waits for it. */
const BEHIND = 4;
/** How long a fetch stands open at a broker, in ms. It comes back at once when there is anything. */
const STANDS = 500;

type Tail<T> = {
  readonly partition: number;
  at: number;
  readonly places: Set<Place<T>>;
  /** The broker that it is fetched from; undefined while its leader is looked for. */
  link: Link | undefined;
  /** How often it has lost its leader since that last gave a page. */
  tried: number;
};
type Place<T> = { readonly waiting: Block<T>[]; wake: () => void; lost: boolean };

/**
 * Follows a topic: one fetch for all partitions of a broker, for a broker answers the fetches of a socket one by one, and
 * a ready partition would wait behind a silent one. `parse` reads the records of a page; where it throws, followers
 * lose their place, and read by themselves what is wrong.
 */
export function openTails<T>(
  kafka: KafkaConnection,
  topic: string,
  parse: (partition: number, page: Page) => readonly T[],
): Tails<T> {
  const links = openLinks(kafka, { fetches: true });
  const tails = new Map<number, Tail<T>>();
  const fetching = new Set<Link>();
  let closed = false;

  const isFollowed = (tail: Tail<T>): boolean => !closed && tails.get(tail.partition) === tail;

  const lose = (tail: Tail<T>, place: Place<T>): void => {
    place.lost = true;
    place.wake();
    tail.places.delete(place);
    if (tail.places.size === 0 && tails.get(tail.partition) === tail) tails.delete(tail.partition);
  };
  const loseAll = (tail: Tail<T>): void => tail.places.forEach((place) => lose(tail, place));

  function deliver(tail: Tail<T>, page: Page): void {
    if (page.next === tail.at) return;
    let records: readonly T[];
    try {
      records = parse(tail.partition, page);
    } catch {
      loseAll(tail);
      return;
    }
    tail.at = page.next;
    for (const place of tail.places) {
      if (place.waiting.length >= BEHIND) {
        lose(tail, place);
        continue;
      }
      place.waiting.push({ records, next: page.next });
      place.wake();
    }
  }

  /** Fetches what is followed at a broker until that is nothing any more. */
  async function fetchAll(link: Link): Promise<void> {
    fetching.add(link);
    for (let round = 0; ; round++) {
      const led = [...tails.values()].filter((tail) => tail.link === link);
      if (led.length === 0 || closed) break;
      // Each is the first one now and then: only that is given a batch that is longer than a page.
      const here = [...led.slice(round % led.length), ...led.slice(0, round % led.length)];
      const places = here.map(({ partition, at }) => ({ partition, from: at }));
      try {
        const results = await fetchFrom(link, topic, places, { bytes: PAGE, wait: STANDS });
        for (const tail of here) {
          if (!isFollowed(tail)) continue;
          const result = results.find(({ partition }) => partition === tail.partition);
          if (result && 'page' in result) {
            tail.tried = 0;
            deliver(tail, result.page);
          } else if (result && isForReader(result.fault)) loseAll(tail);
          else displace(tail, result?.fault ?? new Error('the leader gave no page'));
        }
      } catch (error) {
        links.discard(link, error);
        // Those too that have come to this link while the fetch was under way.
        for (const tail of tails.values()) if (tail.link === link) displace(tail, error);
        break;
      }
    }
    fetching.delete(link);
  }

  /** Looks for the leader of a tail, for as long as it is followed. */
  async function settle(tail: Tail<T>): Promise<void> {
    try {
      if (tail.tried > 0) await sleep(backOff(tail.tried, randomBytes, { first: 30, longest: 1_000 }));
      if (!isFollowed(tail)) return;
      tail.link = await links.leaderOf(topic, tail.partition);
      if (!fetching.has(tail.link)) await fetchAll(tail.link);
    } catch (error) {
      if (!closed) displace(tail, error);
    }
  }
  const displace = (tail: Tail<T>, reason: unknown): void => {
    links.discard(undefined, reason);
    tail.link = undefined;
    tail.tried += 1;
    if (tail.tried % 10 === 3) kafka.onTrouble(reason);
    void settle(tail);
  };

  return {
    join: (partition, from) => {
      const there = tails.get(partition);
      if (closed || (there && there.at > from)) return undefined;
      const tail = there ?? { partition, at: from, places: new Set(), link: undefined, tried: 0 };
      const own: Place<T> = { waiting: [], wake: () => undefined, lost: false };
      tail.places.add(own);
      if (!there) {
        tails.set(partition, tail);
        void settle(tail);
      }
      return {
        next: async () => {
          while (own.waiting.length === 0 && !own.lost) await new Promise<void>((resolve) => (own.wake = resolve));
          return own.waiting.shift();
        },
        leave: () => lose(tail, own),
      };
    },
    close: () => {
      closed = true;
      for (const tail of tails.values()) loseAll(tail);
      links.close();
    },
  };
}

/** What no other leader would mend: whoever follows is told when it reads by itself. */
const isForReader = ({ code }: KafkaError): boolean => code === 'KAFKA_OFFSET' || code === 'KAFKA_REFUSED';
