import { type Accessor, createSignal, onCleanup } from 'solid-js';
import { connected, request, subscribe } from '../gql/client.js';
import type { OutcomeFieldsFragment, ThreadQuery as ThreadAnswer } from '../gql/generated/graphql.js';
import {
  ConversationEvents,
  PostMutation,
  ReadMutation,
  StartMutation,
  StopMutation,
  ThreadQuery,
} from '../gql/operations.js';
import { newId } from './ids.js';
import { type Post, openOutbox } from './outbox.js';
import { type Failure, type Place, openSender } from './sender.js';
import { type Thread, blankThread, branchOf, isRunning, merge } from './thread.js';

type Accepted = { readonly reply: string; readonly position: string };

export type Chat = {
  readonly thread: Accessor<Thread>;
  readonly state: Accessor<'loading' | 'ready' | 'missing' | 'deleted' | 'unreachable'>;
  readonly failure: Accessor<Failure | undefined>;
  /** What was accepted last: the reply that it asked for, and the position from which on a view shows it. */
  readonly accepted: Accessor<Accepted | undefined>;
  /** Whether there are older messages to load. */
  readonly older: Accessor<boolean>;
  loadOlder(): Promise<void>;
  send(text: string, place?: Place): void;
  /** Sends again what failed. */
  resend(): void;
  /** Takes back what failed, and gives its text. */
  takeBack(): string;
  stop(reply: string): Promise<void>;
  showBranch(message: string): Promise<void>;
  /** Tells how far one has read, once a reply is whole. */
  markRead(): void;
};

type Page = {
  readonly conversation: NonNullable<ThreadAnswer['conversation']>;
  readonly to: number;
  readonly leaf?: string | undefined;
};

const AGAIN_MS = 1_500;

/**
 * One open conversation of a viewer, by their user id: loaded, followed, and written to. `fresh` says that its first
 * message is still to be sent.
 */
export function openChat(id: string, viewer: string, fresh: boolean): Chat {
  const outbox = openOutbox(id, sessionStorage);
  const begins = fresh || outbox.read()?.start === true;
  const [thread, setThread] = createSignal<Thread>(blankThread);
  const [state, setState] = createSignal<ReturnType<Chat['state']>>(begins ? 'ready' : 'loading');
  const [accepted, setAccepted] = createSignal<Accepted>();
  /** By the oldest message of a page: the cursor of the page above it. */
  const cursors = new Map<string, string>();
  let leave: (() => void) | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  let marked = 0;

  const takePage = ({ conversation, to, leaf }: Page): void => {
    const { messages, before } = conversation.thread;
    const [oldest] = messages;
    if (oldest && before != null) cursors.set(oldest.id, before);
    setThread((known) => merge({ ...known, leaf: leaf ?? known.leaf }, { to, conversation, messages }));
  };
  const cursor = (): string | undefined => cursors.get(branchOf(thread())[0] ?? '');

  const follow = (): void => {
    if (leave || closed) return;
    const variables = { id, asOf: thread().asOf, after: accepted()?.position ?? null };
    leave = subscribe(
      ConversationEvents,
      variables,
      ({ conversationEvents: update }) => {
        // After a cut the same object is asked again: it must not tell the past a second time.
        variables.asOf = update.to;
        setThread((known) => merge(known, update));
        // None: the viewer is a member no longer, and what is gone for them alone is gone all the same.
        if (update.conversation?.deleted ?? true) setState('deleted');
      },
      (error) => {
        leave = undefined;
        if (state() === 'deleted') return;
        // Accepted and not found: the view is behind, for what is accepted is in the log.
        if (error?.code === 'NOT_FOUND' && thread().conversation) setState('missing');
        else {
          if (error?.code === 'CURSOR_EXPIRED') setAccepted(undefined);
          again = setTimeout(follow, AGAIN_MS);
        }
      },
    );
  };
  onCleanup(() => {
    closed = true;
    clearTimeout(again);
    leave?.();
  });

  const load = async (leaf?: string): Promise<void> => {
    try {
      const { conversation } = await request(ThreadQuery, { id, leaf: leaf ?? null });
      if (!conversation || conversation.deleted) {
        setState(conversation ? 'deleted' : 'missing');
        return;
      }
      // Only the first page says where to begin: what is followed already must not lose the versions between.
      const { asOf } = thread();
      takePage({ conversation, to: asOf === 0 ? conversation.thread.asOf : asOf, leaf });
      setState('ready');
      follow();
    } catch {
      if (closed) return;
      setState('unreachable');
      again = setTimeout(() => void load(leaf), AGAIN_MS);
    }
  };

  const sender = openSender({
    id,
    outbox,
    begins,
    thread,
    setThread,
    submit: (post) => submit(id, post),
    connected,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    accepted: (reply, position) => {
      setAccepted({ reply, position });
      follow();
    },
    show: load,
  });
  if (!begins) void load().then(sender.resume);
  else sender.resume();

  /** A page ends in its leaf, so what stands below a message comes as what has happened since. */
  const loadBelow = (message: string): Promise<void> =>
    new Promise((resolve) => {
      const asOf = thread().messages[message]?.version ?? 0;
      if (asOf >= (thread().conversation?.version ?? 0)) return resolve();
      const end = subscribe(
        ConversationEvents,
        { id, asOf, after: null },
        ({ conversationEvents: update }) => {
          setThread((known) => merge(known, { ...update, to: known.asOf }));
          if (update.conversation && update.to < update.conversation.version) return;
          resolve();
          queueMicrotask(() => end());
        },
        () => resolve(),
      );
    });

  return {
    thread,
    state,
    failure: sender.failure,
    accepted,
    older: () => cursor() !== undefined,
    loadOlder: async () => {
      const before = cursor();
      if (before === undefined) return;
      const { conversation } = await request(ThreadQuery, { id, before });
      if (conversation) takePage({ conversation, to: thread().asOf });
    },
    send: sender.send,
    resend: sender.resend,
    takeBack: sender.takeBack,
    stop: async (reply) => {
      await request(StopMutation, { input: { commandId: newId(id), conversation: id, reply } });
    },
    showBranch: async (message) => {
      if (!thread().messages[message]) {
        const { conversation } = await request(ThreadQuery, { id, leaf: message });
        if (!conversation) return;
        takePage({ conversation, to: thread().asOf });
        await loadBelow(message);
      }
      setThread((known) => merge({ ...known, leaf: message }, { to: known.asOf, messages: [] }));
    },
    markRead: () => {
      const last = thread().messages[branchOf(thread()).at(-1) ?? ''];
      if (!last || last.version === 0 || isRunning(last) || last.seq <= marked) return;
      marked = last.seq;
      request(ReadMutation, { input: { commandId: newId(viewer), conversation: id, seq: last.seq } }).catch(() => {
        marked = 0;
      });
    },
  };
}

async function submit(conversation: string, { start, ...post }: Post): Promise<OutcomeFieldsFragment> {
  const { commandId, message, reply, text } = post;
  const answer = start
    ? await request(StartMutation, { input: { commandId, conversation, message, reply, text } })
    : await request(PostMutation, { input: { ...post, conversation } });
  return answer.outcome;
}
