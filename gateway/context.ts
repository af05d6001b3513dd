import type { CommandClient } from '../commands/client/client.js';
import type { Answer } from '../commands/command.js';
import type { Sealed } from '../domain/content.js';
import { type Uuid, membershipStream, streamOf } from '../domain/ids.js';
import type { Operations } from '../projections/operations.js';
import type { CoreQueries, SeenConversation } from '../projections/readmodel/core/rows.js';
import type { Sessions } from '../projections/sessions/sessions.js';
import type { Identity } from './identity/identity.js';
import type { Seat } from './live/groups.js';
import type { Heads } from './live/heads.js';
import type { LiveGroups } from './live/shared.js';
import type { Loaders } from './loaders.js';
import { requirePosition } from './schema/ids.js';

/** What the gateway works with; all of it is passed in. */
export type Services = {
  /** Ms since 1970. */
  readonly now: () => number;
  readonly log: Uuid;
  readonly core: CoreQueries;
  readonly client: CommandClient;
  /**
   * What came of a command of an actor; undefined if it is not decided, or forgotten. Rejects with `Refused` where that
   * cannot be told right now.
   */
  readonly outcome: (command: { readonly actor: string; readonly id: Uuid }) => Promise<Answer | undefined>;
  readonly sessions: Sessions;
  readonly heads: Heads;
  /** What those who run the installation ask of the views. */
  readonly operations: Operations;
  /** Opens sealed texts, each expected in its place; null where the key is gone. */
  readonly open: (items: readonly { sealed: Sealed; content: string }[]) => Promise<readonly (string | null)[]>;
};

/** What a resolver knows: who asks, how to load what it needs in batches, and with whom they may follow what they follow. */
export type Context = Services & {
  readonly identity: Identity;
  readonly load: Loaders;
  readonly groups: LiveGroups;
  /** Conversations that are known not to be temporary. That is said at their start, for good. */
  readonly lasting: Set<Uuid>;
  /** There where what is followed is the same for all who may follow it. */
  readonly seat?: Seat | undefined;
};

/** How long a read waits for the view to show a position, in ms. */
export const PATIENCE = 2_000;

/**
 * A conversation as the viewer sees it. Undefined where it does not exist, where they are no member, or no longer, and
 * where it is deleted: unknown and forbidden look alike. Only its owners still see the tombstone of what they can
 * restore. Whatever reads a conversation for somebody goes through here; many at once are one statement per home.
 */
export async function seenConversation(
  { load }: Pick<Context, 'load'>,
  id: Uuid,
): Promise<SeenConversation | undefined> {
  const row = await load.seen.load(id);
  if (!row?.deleted) return row;
  return row.role === 'owner' && !row.expired ? row : undefined;
}

/** Waits for the view to show a position; false if it did not in time. */
export async function shows({ core, log }: Context, after: string | null | undefined): Promise<boolean> {
  if (after === null || after === undefined) return true;
  const reached = await Promise.all(requirePosition(log, after).map((position) => core.reached(position, PATIENCE)));
  return reached.every(Boolean);
}

/** Whether what was read of some streams may not show the position that it was asked after. */
export type IsStale = (...streams: readonly string[]) => Promise<boolean>;

/**
 * Waits for the view to show a position, and tells of streams whether they show it: they do not if it did not come in
 * time, or if the view holds one of them up. Ask before reading: a stream may be let go in between.
 */
export async function staleness(context: Context, after: string | null | undefined): Promise<IsStale> {
  const late = !(await shows(context, after));
  if (late || after === null || after === undefined) return async () => late;
  return async (...streams) => (await Promise.all(streams.map((each) => context.load.parked.load(each)))).some(Boolean);
}

/** The streams of which a conversation is made as somebody sees it: its own, and that of their relation to it. */
export const streamsOf = ({ identity }: Context, conversation: Uuid): readonly string[] => [
  streamOf('conversation', conversation),
  membershipStream(conversation, identity.user),
];
