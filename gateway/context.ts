import DataLoader from 'dataloader';
import type { CommandClient } from '../commands/client/client.js';
import type { Answer } from '../commands/command.js';
import { type Sealed, contentOf } from '../domain/content.js';
import type { Uuid } from '../domain/ids.js';
import type {
  ConversationRow,
  CoreQueries,
  MessageRow,
  SeenConversation,
  UserRow,
} from '../projections/readmodel/core/rows.js';
import type { Sessions } from '../projections/sessions/sessions.js';
import type { Identity } from './identity/identity.js';
import type { Heads } from './live/heads.js';
import { requirePosition } from './schema/ids.js';

/** What the gateway works with; all of it is passed in. */
export type Services = {
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
  /** Opens sealed texts, each expected in its place; null where the key is gone. */
  readonly open: (items: readonly { sealed: Sealed; content: string }[]) => Promise<readonly (string | null)[]>;
};

/** What a resolver knows: who asks, and how to load what it needs in batches. */
export type Context = Services & { readonly identity: Identity; readonly load: Loaders };

type Loaders = ReturnType<typeof createLoaders>;

/** How long a read waits for the view to show a position, in ms. */
export const PATIENCE = 2_000;

const batch = <K, V>(load: (keys: readonly K[]) => Promise<readonly V[]>): DataLoader<K, V> =>
  new DataLoader(load, { cache: false });

/**
 * Batches, without memory: a subscription keeps its context for hours, and must never see what was true when it began.
 */
export function createLoaders({ core, open }: Services, identity: Identity) {
  const text = batch(open);
  const user = batch(async (ids: readonly Uuid[]): Promise<readonly (UserRow | undefined)[]> => {
    const rows = await core.users([...new Set(ids)]);
    return ids.map((id) => rows.find((row) => row.id === id));
  });
  const readSeq = batch(async (ids: readonly Uuid[]) => {
    const [relations, seen] = await Promise.all([core.relations(identity.user, ids), core.seen(identity.user, ids)]);
    // Posting moves one's own marker.
    return ids.map((id) => Math.max(relations.get(id)?.readSeq ?? 0, seen.get(id)?.postedSeq ?? 0));
  });
  const siblings = batch(async (messages: readonly MessageRow[]) => {
    const [first] = messages;
    if (!first) return [];
    const conversations = [...new Set(messages.map(({ conversation }) => conversation))];
    const groups = await Promise.all(
      conversations.map((id) => {
        const parents = messages.filter(({ conversation }) => conversation === id).map(({ parent }) => parent);
        return core.siblings(id, [...new Set(parents)]);
      }),
    );
    return messages.map(({ conversation, parent, id }) => {
      const group = groups[conversations.indexOf(conversation)]?.find((found) => found.parent === parent);
      return group?.ids ?? [id];
    });
  });
  return {
    user,
    readSeq,
    siblings,
    title: ({ id, title }: ConversationRow) => text.load({ sealed: title, content: contentOf.title(id) }),
    name: ({ id, name }: UserRow) => text.load({ sealed: name, content: contentOf.name(id) }),
    part: (message: Uuid, index: number, sealed: Sealed) =>
      text.load({ sealed, content: contentOf.part(message, index) }),
  };
}

/** A conversation, if the asker is in it: unknown and forbidden look alike. Of a deleted one only owners hear. */
export async function ownConversation({ core, identity }: Context, id: Uuid): Promise<SeenConversation | undefined> {
  const row = (await core.seen(identity.user, [id])).get(id);
  return row?.deleted && row.role !== 'owner' ? undefined : row;
}

/** Waits for the view to show a position; false if it did not in time. */
export async function shows({ core, log }: Context, after: string | null | undefined): Promise<boolean> {
  if (after === null || after === undefined) return true;
  const reached = await Promise.all(requirePosition(log, after).map((position) => core.reached(position, PATIENCE)));
  return reached.every(Boolean);
}
