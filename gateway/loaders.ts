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

/** What a resolver may load. Whether the viewer may see it is not asked here: see `seenConversation`. */
export function createLoaders({ core, open }: Services, { user: viewer }: Identity) {
  const text = batch(open);
  const relations = byId((ids) => core.relations(viewer, ids));
  const members = batch(async (ids: readonly Uuid[]) => {
    const rows = await core.members([...new Set(ids)]);
    return ids.map((id) => rows.filter(({ conversation }) => conversation === id));
  });
  const branch = batch(async (keys: readonly BranchKey[]) => {
    const kinds = [...new Set(keys.map(kindOf))];
    const groups = kinds.map((kind) => keys.filter((key) => kindOf(key) === kind));
    const found = await Promise.all(
      groups.map((group) => core.branches(group, group[0]?.first ?? 0, group[0]?.inclusive ?? true)),
    );
    return keys.map((key) => {
      const kind = kinds.indexOf(kindOf(key));
      return found[kind]?.[groups[kind]?.indexOf(key) ?? -1] ?? [];
    });
  });
  return {
    user: byId<UserRow>(async (ids) => mapped(await core.users(ids))),
    message: byId<MessageRow>(async (ids) => mapped(await core.messages(ids))),
    /** A conversation as the viewer sees it, if they are a member now; a deleted one too. */
    seen: byId((ids) => core.seen(viewer, ids)),
    /** Whether the viewer and somebody share a conversation now. */
    acquainted: batch(async (people: readonly Uuid[]) => {
      const known = await core.acquainted(viewer, [...new Set(people)]);
      return people.map((person) => known.has(person));
    }),
    members,
    /** Whether the view holds a stream up. */
    parked: batch(async (streams: readonly string[]) => {
      const held = await core.parked(streams);
      return streams.map((stream) => held.has(stream));
    }),
    relation: async (conversation: Uuid): Promise<Relation> =>
      (await relations.load(conversation)) ?? noRelation(conversation, viewer),
    branch,
    end: batch(core.ends),
    siblings: batch(core.siblings),
    title: ({ id, title }: ConversationRow) => text.load({ sealed: title, content: contentOf.title(id) }),
    name: ({ id, name }: UserRow) => text.load({ sealed: name, content: contentOf.name(id) }),
    instructions: (sealed: Sealed) => text.load({ sealed, content: contentOf.instructions(viewer) }),
    part: (message: Uuid, index: number, sealed: Sealed) =>
      text.load({ sealed, content: contentOf.part(message, index) }),
    comment: (message: Uuid, sealed: Sealed) => text.load({ sealed, content: contentOf.feedback(message, viewer) }),
    tag: (conversation: Uuid, n: number, sealed: Sealed) =>
      text.load({ sealed, content: contentOf.tag(membershipId(conversation, viewer), n) }),
  };
}

/** Branches of one kind are read by one statement. */
const kindOf = ({ first, inclusive }: BranchKey): string => `${first} ${inclusive}`;
