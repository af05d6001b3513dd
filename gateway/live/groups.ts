import type { Uuid } from '../../domain/ids.js';

// Where many follow the same thing with the same document, each event is executed and written out once for them all. Each
// begins on a source of their own, which reads what they lack. As soon as that has nothing more to give, they are handed
// over to the group: from there on they get what all get. Whatever is not the same for all, as a removal, a gap or a slow
// reader, puts them out of the group, back to a source of their own, which begins where they are.

/** Who may go on for a source that has nothing more to give. */
export type Relay<At> = {
  /** Is told how to wake the source up, so that it asks again. */
  opened(wake: () => void): void;
  /** Whether the group goes on from `at`: then the source must end. */
  takesOver(at: At): boolean;
};

/** What all get. `at`: a delivery that was before the first, as a place to begin at; it is given to nobody. */
export type Upstream<T> = { readonly source: AsyncGenerator<T>; readonly at?: T };

/** Tells for whom it may be that they can read something no longer. */
export type OnLost = (isLost: (person: Uuid) => boolean) => void;

/** Something that can be followed: by one person alone, from where they are, and by many at once. */
export type Kind<Target, T, At> = {
  /** Names a target, and the conversation that it belongs to. All its members get the same, or are put out. */
  keyOf(target: Target): string;
  conversationOf(target: Target): Uuid;
  open(target: Target, person: Uuid, at: At | undefined, relay?: Relay<At>): Promise<AsyncGenerator<T>>;
  upstream(target: Target, lost: OnLost): Promise<Upstream<T>>;
  /** Where somebody is after a delivery; 'drop' if they have it, 'out' if it is not for them, or does not join on. */
  fit(delivery: T, at: At, person: Uuid): At | 'drop' | 'out';
  /** How many deliveries are kept for who is not in step yet. */
  readonly keep: number;
};

/** A delivery written out, in bytes. `allowed`: who was a member when it was, where it holds what was read only then. */
export type Rendered = { readonly payload: Buffer; readonly allowed?: ReadonlySet<Uuid> };

/** How somebody takes part in a group. */
export type Seat = {
  /** What is the same for all who send the same document, and what else must be. */
  readonly document: object;
  readonly key: string;
  /** Makes what writes deliveries out, those of one conversation. It must not know who asks. */
  readonly renderer: (conversation: Uuid) => (delivery: unknown) => Promise<Rendered>;
  /** False, and not sent, where too much is unread. */
  readonly send: (payload: Buffer) => boolean;
  /** Is told how many got a delivery of the group. */
  readonly told: (delivery: unknown, count: number) => void;
};

type Written<T> = Partial<Rendered> & { readonly delivery: T };
type Leaving = 'out' | 'over';

type Member<T, At> = {
  readonly person: Uuid;
  readonly send: (payload: Buffer) => boolean;
  at: At | undefined;
  /** What came for the group while they are not in step. */
  hold: Written<T>[];
  /** They may have lost access: their own source must tell, and no other. */
  barred: boolean;
  /** Asks their own source again. */
  wake?: () => void;
  /** There while they are in step: tells that they are no longer, or why. */
  leave?: ((why: Leaving) => void) | undefined;
  fail?: (error: unknown) => void;
  stay?: Promise<Leaving> | undefined;
};

export type Groups<Target, T, At> = {
  /** Follows something for a person, from `at`; among others, where there is a seat. */
  follow(target: Target, person: Uuid, at: At | undefined, seat?: Seat): Promise<AsyncGenerator<T>>;
};

export function createGroups<Target, T, At>(kind: Kind<Target, T, At>): Groups<Target, T, At> {
  const byDocument = new WeakMap<object, Map<string, Group<Target, T, At>>>();
  return {
    follow: async (target, person, at, seat) => {
      if (!seat) return kind.open(target, person, at);
      const groups = byDocument.get(seat.document) ?? new Map<string, Group<Target, T, At>>();
      byDocument.set(seat.document, groups);
      const key = `${kind.keyOf(target)} ${seat.key}`;
      const group = groups.get(key) ?? createGroup(kind, target, seat, () => groups.delete(key));
      groups.set(key, group);
      return group.join(person, at, seat.send);
    },
  };
}

type Group<Target, T, At> = ReturnType<typeof createGroup<Target, T, At>>;

function createGroup<Target, T, At>(
  kind: Kind<Target, T, At>,
  target: Target,
  { renderer, told }: Seat,
  onEnd: () => void,
) {
  const members = new Set<Member<T, At>>();
  let state: 'alone' | 'opening' | 'open' | 'over' = 'alone';
  let source: AsyncGenerator<T> | undefined;
  let latest: Written<T> | undefined;

  /** Whether somebody got it; if they cannot have it as all have it, they are put out. */
  const give = (member: Member<T, At>, written: Written<T>): boolean => {
    const at = fit(written, member.at, member.person);
    if (at === 'drop') return false;
    if (at === 'out' || written.payload === undefined || !member.send(written.payload)) {
      member.leave?.('out');
      return false;
    }
    member.at = at;
    return true;
  };
  const fit = ({ delivery, allowed }: Written<T>, at: At | undefined, person: Uuid): At | 'drop' | 'out' => {
    if (at === undefined) return 'out';
    const next = kind.fit(delivery, at, person);
    return next !== 'drop' && allowed && !allowed.has(person) ? 'out' : next;
  };

  const deliver = (written: Written<T>): void => {
    latest = written;
    let count = 0;
    for (const member of members) {
      if (member.leave) count += give(member, written) ? 1 : 0;
      else if (member.hold.push(written) > kind.keep) member.hold.shift();
    }
    if (count > 0) told(written.delivery, count);
  };

  const lost: OnLost = (isLost) => {
    for (const member of members) {
      if (!isLost(member.person)) continue;
      member.barred = true;
      member.leave?.('out');
    }
  };

  /** The group is over for good; whoever comes later begins another. */
  const end = (): boolean => {
    if (state === 'over') return false;
    state = 'over';
    onEnd();
    return true;
  };

  const run = async (): Promise<void> => {
    const upstream = await kind.upstream(target, lost);
    source = upstream.source;
    if (isOver()) return void (await source.return(undefined));
    state = 'open';
    if (upstream.at !== undefined) latest = { delivery: upstream.at };
    for (const member of members) {
      if (latest) member.hold.unshift(latest);
      member.wake?.();
    }
    const render = renderer(kind.conversationOf(target));
    for (let next = await source.next(); !next.done; next = await source.next()) {
      deliver({ ...(await render(next.value)), delivery: next.value });
    }
  };
  const isOver = (): boolean => state === 'over';
  const start = (): void => {
    state = 'opening';
    run().then(
      () => end() && [...members].forEach((member) => member.leave?.('over')),
      async (error: unknown) => {
        if (end()) for (const member of members) member.fail?.(error);
        await source?.return(undefined);
      },
    );
  };

  /** Puts somebody in step, if what was held for them joins on to where they are. */
  const enter = (member: Member<T, At>, at: At): boolean => {
    // A source that was closed may still ask.
    if (state !== 'open' || member.barred || !members.has(member)) return false;
    let next = at;
    for (const written of member.hold) {
      const found = fit(written, next, member.person);
      if (found === 'out' || (found !== 'drop' && written.payload === undefined)) return false;
      if (found !== 'drop') next = found;
    }
    const held = member.hold;
    member.hold = [];
    member.at = at;
    member.stay = new Promise((resolve, reject) => {
      member.leave = (why) => {
        member.leave = undefined;
        resolve(why);
      };
      member.fail = reject;
    });
    member.stay.catch(() => undefined);
    for (const written of held) if (member.leave && give(member, written)) told(written.delivery, 1);
    if (member.leave || member.at !== at) return true;
    // Put out where they were, for they read nothing: opened at once they would be here again. Their own source tells when.
    member.hold = held;
    member.stay = undefined;
    return false;
  };

  return {
    join: async (person: Uuid, at: At | undefined, send: (payload: Buffer) => boolean): Promise<AsyncGenerator<T>> => {
      const member: Member<T, At> = { person, send, at, hold: [], barred: false };
      const relay: Relay<At> = {
        opened: (wake) => {
          member.wake = wake;
        },
        takesOver: (reached) => enter(member, reached),
      };
      let left = false;
      const leave = (): void => {
        left = true;
        if (!members.delete(member)) return;
        member.leave?.('over');
        if (members.size === 0 && end()) void source?.return(undefined);
      };
      /** In this order: what comes for the group while the source opens is held. */
      const open = (): Promise<AsyncGenerator<T>> => {
        member.barred = false;
        member.hold = latest ? [latest] : [];
        return kind.open(target, person, member.at, relay);
      };
      const orLeave = async <R>(work: () => Promise<R>): Promise<R> => {
        try {
          return await work();
        } catch (error) {
          leave();
          throw error;
        }
      };

      members.add(member);
      if (members.size > 1 && state === 'alone') start();
      let own = await orLeave(open);
      const done = { done: true, value: undefined } as const;
      const failed = (error: unknown): never => {
        leave();
        throw error;
      };
      /** Their own source has ended, for the group goes on for it, until it does not: then it is opened again. */
      const goOn = async (): Promise<IteratorResult<T>> => {
        const { stay } = member;
        member.stay = undefined;
        // Without a group to go on for it, it has come to its end.
        if (!left && stay && (await orLeave(() => stay)) !== 'over' && !left) {
          own = await orLeave(open);
          if (!left) return following.next();
          await own.return(undefined);
        }
        leave();
        return done;
      };
      const following: AsyncGenerator<T> = {
        // No more promises than it takes: each piece of a reply that one person watches goes through here.
        next: () => (left ? Promise.resolve(done) : own.next().then((next) => (next.done ? goOn() : next), failed)),
        return: async () => {
          leave();
          await own.return(undefined);
          return done;
        },
        throw: async (error) => {
          leave();
          await own.return(undefined);
          throw error;
        },
        [Symbol.asyncIterator]: () => following,
      };
      return following;
    },
  };
}
