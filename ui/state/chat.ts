import { type Accessor, createSignal, onCleanup } from 'solid-js';
import { GqlError, request, subscribe } from '../gql/client.js';
import type { OutcomeFieldsFragment } from '../gql/generated/graphql.js';
import {
  ConversationEvents,
  PostMutation,
  ReadMutation,
  StartMutation,
  StopMutation,
  ThreadQuery,
} from '../gql/operations.js';
import { newId, newNodeId } from './ids.js';
import { type Thread, blankThread, branchOf, expectPost, merge, withdraw } from './thread.js';

/** A post that did not get through, why, and how to send it again. */
export type Failure = {
  readonly message: string;
  readonly reason: string;
  readonly action: string;
  readonly retry: () => void;
};

export type Chat = {
  readonly thread: Accessor<Thread>;
  readonly state: Accessor<'loading' | 'ready' | 'missing' | 'unreachable'>;
  readonly failure: Accessor<Failure | undefined>;
  /** Whether there are older messages to load. */
  readonly older: Accessor<boolean>;
  loadOlder(): Promise<void>;
  /** Sends a text after `parent` (the leaf, if none is given); `fork` makes a sibling on purpose. */
  send(text: string, place?: { parent: string | null; fork: boolean }): void;
  stop(reply: string): Promise<void>;
  showBranch(message: string): Promise<void>;
  markRead(): void;
};

/** What is sent, with ids that stay the same however often it is sent: so it is done once. */
type Post = {
  readonly commandId: string;
  readonly message: string;
  readonly reply: string;
  readonly parent: string | null;
  readonly text: string;
  readonly fork: boolean;
};

/** One open conversation: loaded, followed, and written to. `fresh` says that its first message is still to be sent. */
export function openChat(id: string, fresh: boolean): Chat {
  const [thread, setThread] = createSignal<Thread>(blankThread);
  const [state, setState] = createSignal<'loading' | 'ready' | 'missing' | 'unreachable'>(fresh ? 'ready' : 'loading');
  const [failure, setFailure] = createSignal<Failure>();
  const [before, setBefore] = createSignal<string | null>(null);
  let leave: (() => void) | undefined;
  let marked = 0;

  const follow = (after?: string): void => {
    if (leave) return;
    const variables = { id, asOf: thread().asOf, after: after ?? null };
    leave = subscribe(
      ConversationEvents,
      variables,
      ({ conversationEvents: update }) => {
        variables.asOf = update.to;
        setThread((known) => merge(known, update));
      },
      (error) => {
        leave = undefined;
        if (error?.code === 'NOT_FOUND') setState('missing');
      },
    );
  };
  onCleanup(() => leave?.());

  const load = async (leaf?: string): Promise<void> => {
    try {
      const { conversation } = await request(ThreadQuery, { id, leaf: leaf ?? null });
      if (!conversation || conversation.deleted) {
        setState('missing');
        return;
      }
      const { asOf, messages, before: older } = conversation.thread;
      setBefore(older ?? null);
      setThread((known) => {
        const to = known.asOf === 0 ? asOf : known.asOf;
        return merge({ ...known, leaf: leaf ?? known.leaf }, { to, conversation, messages });
      });
      setState('ready');
      follow();
    } catch (error) {
      if (error instanceof GqlError) setState('missing');
      else {
        setState('unreachable');
        setTimeout(() => void load(leaf), 2_000);
      }
    }
  };
  if (!fresh) void load();

  const submit = async (post: Post): Promise<OutcomeFieldsFragment> => {
    const { commandId, message, reply, text, parent, fork } = post;
    const started = thread().asOf > 0;
    const { outcome } =
      fresh && !started && parent === null && !fork
        ? await request(StartMutation, { input: { commandId, conversation: id, message, reply, text } })
        : await request(PostMutation, { input: { commandId, conversation: id, message, reply, text, parent, fork } });
    return outcome;
  };

  const failed = (post: Post, reason: string, action: string, retry: () => void): void => {
    const again = (): void => {
      setFailure(undefined);
      retry();
    };
    setFailure({ message: post.message, reason, action, retry: again });
  };

  const attempt = async (post: Post): Promise<void> => {
    try {
      const outcome = await submit(post);
      switch (outcome.__typename) {
        case 'Accepted':
          follow(outcome.position);
          return;
        case 'Conflict':
          failed(post, outcome.message, 'Send below what came', () => {
            setThread((known) => withdraw(known, [post.message, post.reply]));
            void load(outcome.head).then(() => send(post.text));
          });
          return;
        case 'Rejected':
          failed(post, outcome.message, 'Try again', () => {
            setThread((known) => withdraw(known, [post.message, post.reply]));
            send(post.text, { parent: post.parent, fork: post.fork });
          });
          return;
        case 'Pending':
          failed(post, 'No answer yet. It may still arrive.', 'Ask again', () => void attempt(post));
          return;
      }
    } catch (error) {
      const reason = error instanceof GqlError ? error.message : 'The server cannot be reached.';
      // The same ids again: if it did arrive, it is not done twice.
      failed(post, reason, 'Send again', () => void attempt(post));
    }
  };

  const send = (text: string, place?: { parent: string | null; fork: boolean }): void => {
    const parent = place ? place.parent : (thread().leaf ?? null);
    const post: Post = {
      commandId: newId(),
      message: newNodeId('message', id),
      reply: newNodeId('message', id),
      parent,
      text,
      fork: place?.fork ?? false,
    };
    setThread((known) => expectPost(known, post));
    void attempt(post);
  };

  return {
    thread,
    state,
    failure,
    older: () => before() !== null,
    loadOlder: async () => {
      const { conversation } = await request(ThreadQuery, { id, before: before() });
      if (!conversation) return;
      const { messages, before: older } = conversation.thread;
      setThread((known) => merge(known, { to: known.asOf, conversation, messages }));
      setBefore(older ?? null);
    },
    send,
    stop: async (reply) => {
      await request(StopMutation, { input: { commandId: newId(), conversation: id, reply } });
    },
    showBranch: async (message) => {
      setThread((known) => ({ ...known, leaf: message }));
      await load(message);
    },
    markRead: () => {
      const last = thread().messages[branchOf(thread()).at(-1) ?? ''];
      if (!last || last.version === 0 || last.seq <= marked) return;
      marked = last.seq;
      request(ReadMutation, { input: { commandId: newId(), conversation: id, seq: last.seq } }).catch(() => {
        marked = 0;
      });
    },
  };
}
