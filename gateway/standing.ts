import type { GraphQLError } from 'graphql';
import type { Uuid } from '../domain/ids.js';
import { homesOf } from '../projections/readmodel/core/queries.js';
import type { CoreQueries, UserRow } from '../projections/readmodel/core/rows.js';
import type { Detach, Sessions } from '../projections/sessions/sessions.js';
import type { Identity } from './identity/identity.js';
import { createRounds } from './rounds.js';
import { clientError } from './schema/ids.js';

type Loss = 'SUSPENDED' | 'ERASED' | 'SESSION_ENDED';

/** Whether somebody may still be here: a token outlives the session that it came from, and the good standing of its person. */
export type Standing = {
  /**
   * Throws SUSPENDED, ERASED or SESSION_ENDED; UNAVAILABLE where it cannot be told now. In memory for who is active.
   * Resolves with whether the view shows them registered.
   */
  check(who: Who): Promise<{ readonly registered: boolean }>;
  /** Tells once when the standing is lost, at once if it is already. Resolves with how to stop watching. */
  watch(who: Who, onLost: (error: GraphQLError) => void): Promise<Detach>;
  stop(): void;
};

type Who = Pick<Identity, 'user' | 'session'>;

export type StandingOptions = {
  readonly core: Pick<CoreQueries, 'users'>;
  readonly partitions: number;
  readonly sessions: Pick<Sessions, 'attach' | 'hasEnded'>;
  /** How often it is looked again, for a notice may be lost. In ms, default 5,000. */
  readonly every?: number;
  readonly onTrouble: (error: unknown) => void;
};

type Entry = {
  /** Whether the view has shown this person. */
  registered: boolean;
  /** The version of the person that this knows. */
  version: number;
  lost: Loss | undefined;
  /** Asked for since the last look. */
  used: boolean;
  forgotten: boolean;
  readonly listeners: Set<() => void>;
  readonly detach: Detach;
};

/** Of whom it is known, and of whom it is being asked for the first time. */
type Entries = { readonly open: Map<string, Entry>; readonly opening: Map<string, Promise<Entry>> };

export function createStanding({ core, partitions, sessions, every = 5_000, onTrouble }: StandingOptions): Standing {
  const homes = homesOf(partitions);
  const users: Entries = { open: new Map(), opening: new Map() };
  const ended: Entries = { open: new Map(), opening: new Map() };

  const lose = (entry: Entry, lost: Loss | undefined): void => {
    entry.lost = lost;
    if (lost) for (const listener of entry.listeners) listener();
  };

  const see = (entry: Entry, row: Pick<UserRow, 'version' | 'status'> | undefined): void => {
    if (!row) return;
    entry.registered = true;
    if (row.version < entry.version) return;
    entry.version = row.version;
    lose(entry, row.status === 'active' ? undefined : row.status === 'suspended' ? 'SUSPENDED' : 'ERASED');
  };

  /** Attaches before it looks, so that nothing falls between. */
  const open = async (
    topic: string,
    hear: (entry: Entry, notice: unknown) => void,
    look: (entry: Entry) => Promise<void>,
  ): Promise<Entry> => {
    const entry: Entry = {
      registered: false,
      version: 0,
      lost: undefined,
      used: true,
      forgotten: false,
      listeners: new Set(),
      detach: await sessions.attach(topic, (notice) => hear(entry, notice)),
    };
    await look(entry).catch((error: unknown) => {
      entry.detach();
      throw error;
    });
    return entry;
  };

  const openUser = (user: Uuid): Promise<Entry> =>
    open(
      `user:${user}`,
      (entry, notice) => {
        if (isUserNotice(notice)) see(entry, notice.user);
      },
      async (entry) => see(entry, (await core.users([user]))[0]),
    );

  const openSession = (sid: string): Promise<Entry> =>
    open(
      `session:${sid}`,
      (entry) => lose(entry, 'SESSION_ENDED'),
      async (entry) => {
        if (await sessions.hasEnded(sid)) lose(entry, 'SESSION_ENDED');
      },
    );

  const entryIn = async (
    { open: known, opening }: Entries,
    key: string,
    make: (key: string) => Promise<Entry>,
  ): Promise<Entry> => {
    const there = known.get(key);
    if (there) {
      there.used = true;
      return there;
    }
    const coming = opening.get(key) ?? make(key);
    opening.set(key, coming);
    try {
      const entry = await coming;
      known.set(key, entry);
      return entry;
    } catch (error) {
      onTrouble(error);
      throw clientError(
        'UNAVAILABLE',
        'The server cannot tell right now whether you may do that. Try again in a moment.',
      );
    } finally {
      if (opening.get(key) === coming) opening.delete(key);
    }
  };

  const entriesOf = async (who: Who): Promise<readonly [person: Entry, session?: Entry]> => {
    const { user, session } = who;
    const [person, own] = await Promise.all([
      entryIn(users, user, openUser),
      session === undefined ? undefined : entryIn(ended, session, openSession),
    ]);
    // Nobody tells one that was forgotten while the other was asked for.
    if (person.forgotten || own?.forgotten) return entriesOf(who);
    return own ? [person, own] : [person];
  };

  const askHomes = createRounds<number>(onTrouble);
  const askSessions = createRounds<string>(onTrouble);
  /** Looks at all who are active again, and forgets the others. */
  const timer = setInterval(() => {
    const active = sweep(users.open);
    askHomes(homes.group([...active.keys()]), async (_, ids) => {
      for (const row of await core.users(ids)) {
        const entry = active.get(row.id);
        if (entry) see(entry, row);
      }
    });
    askSessions(sweep(ended.open), async (sid, entry) => {
      if (!entry.lost && (await sessions.hasEnded(sid))) lose(entry, 'SESSION_ENDED');
    });
  }, every);

  return {
    check: async (who) => {
      const entries = await entriesOf(who);
      for (const entry of entries) if (entry?.lost) throw lossError(entry.lost);
      return entries[0];
    },
    watch: async (who, onLost) => {
      const entries = await entriesOf(who);
      let told = false;
      const look = (): void => {
        const lost = entries.find((entry) => entry?.lost)?.lost;
        if (!lost || told) return;
        told = true;
        onLost(lossError(lost));
      };
      for (const entry of entries) entry?.listeners.add(look);
      look();
      return () => {
        told = true;
        for (const entry of entries) entry?.listeners.delete(look);
      };
    },
    stop: () => clearInterval(timer),
  };
}

/** Forgets whom nobody asked for since the last time; returns the others. */
function sweep(entries: Map<string, Entry>): ReadonlyMap<string, Entry> {
  const active = new Map<string, Entry>();
  for (const [key, entry] of entries) {
    if (entry.used || entry.listeners.size > 0) active.set(key, entry);
    else {
      entry.forgotten = true;
      entry.detach();
      entries.delete(key);
    }
    entry.used = false;
  }
  return active;
}

const isUserNotice = (notice: unknown): notice is { readonly user: Pick<UserRow, 'version' | 'status'> } =>
  typeof notice === 'object' && notice !== null && 'user' in notice;

const messages: Readonly<Record<Loss, string>> = {
  SUSPENDED: 'This account is suspended: ask an operator.',
  ERASED: 'This account was erased.',
  SESSION_ENDED: 'You have signed out: sign in again.',
};

const lossError = (lost: Loss): GraphQLError => clientError(lost, messages[lost]);
