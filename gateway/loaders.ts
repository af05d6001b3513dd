import DataLoader from 'dataloader';
import { type Sealed, contentOf } from '../domain/content.js';
import { type Uuid, membershipId } from '../domain/ids.js';
import { noRelation } from '../projections/readmodel/core/people.js';
import type {
  ConversationRow,
  MessagePlace,
  MessageRow,
  Relation,
  UserRow,
} from '../projections/readmodel/core/rows.js';
import type { Services } from './context.js';
import type { Identity } from './identity/identity.js';

export type Loaders = ReturnType<typeof createLoaders>;

/** A branch from a leaf up, or of what lies above it: at most `first` messages. */
export type BranchKey = MessagePlace & { readonly first: number; readonly inclusive: boolean };

/**
 * What is asked for in one turn is one question to the view, one statement per home, however many ask. Without memory: a
 * subscription keeps its context for hours, and must never see what was true when it began.
 */
const batch = <K, V>(load: (keys: readonly K[]) => Promise<readonly V[]>): DataLoader<K, V> =>
  new DataLoader(load, { cache: false });

/** The same, by id: each id is asked for once. */
const byId = <V>(read: (ids: readonly Uuid[]) => Promise<ReadonlyMap<Uuid, V>>): DataLoader<Uuid, V | undefined> =>
  batch(async (ids) => {
    const found = await read([...new Set(ids)]);
    return ids.map((id) => found.get(id));
  });

const mapped = <Row extends { readonly id: Uuid }>(rows: readonly Row[]): ReadonlyMap<Uuid, Row> =>
  new Map(rows.map((row) => [row.id, row]));

/**
 * What a resolver may load. Whether the viewer may see a conversation is asked first: see `seenConversation`. But the row
 * that told so may be older than what is read then, in an update that waited for a slow reader by minutes: of what is
 * newer than that row, nothing is for whoever is no member by now. `canRead` tells it, after the read.
 */
export function createLoaders({ core, open }: Services, who: Pick<Identity, 'user'>) {
  const text = batch(async (asked: readonly { readonly sealed: Sealed; readonly content: string }[]) => {
    const items = [...new Map(asked.map((item) => [item.content, item])).values()];
    const opened = await open(items);
    const found = new Map(items.map(({ content }, n) => [content, opened[n] ?? null]));
    return asked.map(({ content }) => found.get(content) ?? null);
  });
  const seen = byId((ids) => core.seen(who.user, ids));
  const relations = byId((ids) => core.relations(who.user, ids));
  const members = batch(async (ids: readonly Uuid[]) => {
    const rows = await core.members([...new Set(ids)]);
    return ids.map((id) => {
      const people = rows.filter(({ conversation }) => conversation === id);
      // Whoever does not stand among them may not know who does.
      return people.some(({ person }) => person === who.user) ? people : [];
    });
  });
  const branch = batch(async (asked: readonly BranchKey[]) => {
    const keys = [...new Map(asked.map((key) => [placeOf(key), key])).values()];
    const kinds = [...new Set(keys.map(kindOf))];
    const groups = kinds.map((kind) => keys.filter((key) => kindOf(key) === kind));
    const found = await Promise.all(
      groups.map((group) => core.branches(group, group[0]?.first ?? 0, group[0]?.inclusive ?? true)),
    );
    const rows = new Map(groups.flatMap((group, n) => group.map((key, at) => [placeOf(key), found[n]?.[at] ?? []])));
    return asked.map((key) => rows.get(placeOf(key)) ?? []);
  });
  return {
    user: byId<UserRow>(async (ids) => mapped(await core.users(ids))),
    message: byId<MessageRow>(async (ids) => mapped(await core.messages(ids))),
    /** A conversation as the viewer sees it, if they are a member now; a deleted one too. */
    seen,
    /** Whether the viewer can read what is in a conversation now. */
    canRead: async (conversation: Uuid): Promise<boolean> => (await seen.load(conversation))?.deleted === false,
    /** Whether the viewer and somebody share a conversation now. */
    acquainted: batch(async (people: readonly Uuid[]) => {
      const known = await core.acquainted(who.user, [...new Set(people)]);
      return people.map((person) => known.has(person));
    }),
    members,
    /** Whether the view holds a stream up. */
    parked: batch(async (streams: readonly string[]) => {
      const held = await core.parked(streams);
      return streams.map((stream) => held.has(stream));
    }),
    relation: async (conversation: Uuid): Promise<Relation> =>
      (await relations.load(conversation)) ?? noRelation(conversation, who.user),
    branch,
    end: batch(core.ends),
    siblings: batch(core.siblings),
    title: ({ id, title }: ConversationRow) => text.load({ sealed: title, content: contentOf.title(id) }),
    name: ({ id, name }: UserRow) => text.load({ sealed: name, content: contentOf.name(id) }),
    instructions: (sealed: Sealed) => text.load({ sealed, content: contentOf.instructions(who.user) }),
    part: (message: Uuid, index: number, sealed: Sealed) =>
      text.load({ sealed, content: contentOf.part(message, index) }),
    comment: (message: Uuid, sealed: Sealed) => text.load({ sealed, content: contentOf.feedback(message, who.user) }),
    tag: (conversation: Uuid, n: number, sealed: Sealed) =>
      text.load({ sealed, content: contentOf.tag(membershipId(conversation, who.user), n) }),
  };
}

/**
 * What may be loaded where nobody in particular asks, for what is executed once for many: whatever is of a viewer throws.
 * `onRead` is told when something is read that only members may know as it is now: whoever gets it must be one afterwards.
 */
export function createSharedLoaders(services: Services, onRead: () => void): Loaders {
  const loaders = createLoaders(services, {
    get user(): never {
      throw new Error('a field that is marked as shareable depends on who asks');
    },
  });
  return {
    ...loaders,
    canRead: async () => {
      onRead();
      return true;
    },
    members: batch(async (ids: readonly Uuid[]) => {
      onRead();
      const rows = await services.core.members([...new Set(ids)]);
      return ids.map((id) => rows.filter(({ conversation }) => conversation === id));
    }),
  };
}

/** Whoever asks for the same branch gets the same rows. */
const placeOf = (key: BranchKey): string => `${kindOf(key)} ${key.conversation} ${key.message}`;

/** Branches of one kind are read by one statement. */
const kindOf = ({ first, inclusive }: BranchKey): string => `${first} ${inclusive}`;
