import { type Accessor, createSignal, onCleanup } from 'solid-js';
import { GqlError, request, subscribe } from '../gql/client.js';
import type { ConversationFieldsFragment } from '../gql/generated/graphql.js';
import { ConversationsQuery, DeleteMutation, Inbox as InboxSubscription, RenameMutation } from '../gql/operations.js';
import { openPause } from '../gql/pause.js';
import { newId } from './ids.js';

/** A conversation as the list knows it. */
export type Conversation = ConversationFieldsFragment;

export type Inbox = {
  readonly conversations: Accessor<readonly Conversation[]>;
  readonly loaded: Accessor<boolean>;
  readonly more: Accessor<boolean>;
  loadMore(): Promise<void>;
  rename(id: string, title: string): Promise<string | undefined>;
  remove(id: string): Promise<string | undefined>;
};

/**
 * Puts conversations into a list: per conversation the highest version wins, tombstones and what is `gone` go, newest
 * activity first.
 */
export function mergeInbox(
  list: readonly Conversation[],
  changes: readonly Conversation[],
  gone: readonly string[] = [],
): readonly Conversation[] {
  const known = new Map(list.map((conversation) => [conversation.id, conversation]));
  for (const id of gone) known.delete(id);
  for (const change of changes) {
    if ((known.get(change.id)?.version ?? 0) <= change.version) known.set(change.id, change);
  }
  return [...known.values()]
    .filter(({ deleted }) => !deleted)
    .toSorted((a, b) => (a.activeAt === b.activeAt ? (a.id < b.id ? 1 : -1) : a.activeAt < b.activeAt ? 1 : -1));
}

const AGAIN_MS = 1_000;

/** The person's conversations, kept up to date. */
export function openInbox(): Inbox {
  const [conversations, setConversations] = createSignal<readonly Conversation[]>([]);
  const [loaded, setLoaded] = createSignal(false);
  const [after, setAfter] = createSignal<string | null>(null);
  let pages = 0;

  let leave: (() => void) | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  let first: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  const pause = openPause(AGAIN_MS);
  const listPause = openPause(AGAIN_MS);
  const follow = (): void => {
    leave = subscribe(
      InboxSubscription,
      {},
      ({ inbox }) => {
        pause.reset();
        // A whole page replaces what was there, unless more of the list is on the screen than the page holds.
        setConversations((list) =>
          mergeInbox(inbox.complete && pages === 0 ? [] : list, inbox.conversations, inbox.gone),
        );
        if (inbox.complete && !loaded()) loadFirst();
        setLoaded(true);
      },
      // Whatever it was: what a new one tells first is the whole page, so nothing is missed.
      (error) => {
        again = setTimeout(follow, pause.next(error));
      },
    );
  };
  follow();
  onCleanup(() => {
    closed = true;
    clearTimeout(first);
    clearTimeout(again);
    leave?.();
  });

  const loadMore = async (): Promise<void> => {
    const { viewer } = await request(ConversationsQuery, { after: after() });
    const { nodes, pageInfo } = viewer.conversations;
    if (after() !== null) pages += 1;
    setConversations((list) => mergeInbox(list, nodes));
    setAfter(pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null);
  };

  /** Where the list goes on below the first page. */
  const loadFirst = (): void => {
    loadMore().catch((error: unknown) => {
      if (closed) return;
      first = setTimeout(loadFirst, listPause.next(error instanceof GqlError ? error : undefined));
    });
  };

  return {
    conversations,
    loaded,
    more: () => after() !== null,
    loadMore,
    rename: async (id, title) => {
      const { outcome } = await request(RenameMutation, { input: { commandId: newId(id), conversation: id, title } });
      return 'message' in outcome ? outcome.message : undefined;
    },
    remove: async (id) => {
      const { outcome } = await request(DeleteMutation, { input: { commandId: newId(id), conversation: id } });
      return 'message' in outcome ? outcome.message : undefined;
    },
  };
}
