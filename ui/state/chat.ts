import { type Accessor, createSignal, onCleanup } from 'solid-js';
import { GqlError, request, subscribe } from '../gql/client.js';
import { ConversationEvents, ReadMutation, StopMutation, ThreadQuery } from '../gql/operations.js';
import { newId } from './ids.js';
import { openOutbox } from './outbox.js';
import { type Failure, type Place, openSender } from './sender.js';
import { type Thread, type Update, blankThread, branchOf, isRunning, merge } from './thread.js';

export type Chat = {
  readonly thread: Accessor<Thread>;
  readonly state: Accessor<'loading' | 'ready' | 'missing' | 'deleted' | 'unreachable'>;
  readonly failure: Accessor<Failure | undefined>;
  /** The position of what was accepted last: a view that shows it shows one's own words. */
  readonly position: Accessor<string | undefined>;
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

const AGAIN_MS = 1_500;

/** One open conversation: loaded, followed, and written to. `fresh` says that its first message is still to be sent. */
export function openChat(id: string, fresh: boolean): Chat {
  const outbox = openOutbox(id, sessionStorage);
  const begins = fresh || outbox.read()?.start === true;
  const [thread, setThread] = createSignal<Thread>(blankThread);
  const [state, setState] = createSignal<ReturnType<Chat['state']>>(begins ? 'ready' : 'loading');
  const [position, setPosition] = createSignal<string>();
  const [before, setBefore] = createSignal<string | null>(null);
  let leave: (() => void) | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  let marked = 0;

  const follow = (): void => {
    if (leave) return;
    const variables = { id, asOf: thread().asOf, after: position() ?? null };
    leave = subscribe(
      ConversationEvents,
      variables,
      ({ conversationEvents: update }) => {
        // After a cut the same object is asked again: it must not tell the past a second time.
        variables.asOf = update.to;
        setThread((known) => merge(known, update));
        if (update.conversation.deleted) setState('deleted');
      },
      (error) => {
        leave = undefined;
        if (state() === 'deleted') return;
        // Accepted and not found: the view is behind, for what is accepted is in the log.
        if (error?.code === 'NOT_FOUND' && thread().conversation) setState('missing');
        else {
          if (error?.code === 'CURSOR_EXPIRED') setPosition(undefined);
          again = setTimeout(follow, AGAIN_MS);
        }
      },
    );
  };
  onCleanup(() => {
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
      const { asOf, messages, before: older } = conversation.thread;
      setBefore(older ?? null);
      setThread((known) => {
        // What is followed already must not lose the versions between: only the first page sets where to begin.
        const to = known.asOf === 0 ? asOf : known.asOf;
        return merge({ ...known, leaf: leaf ?? known.leaf }, { to, conversation, messages });
      });
      setState('ready');
      follow();
    } catch (error) {
      if (error instanceof GqlError) setState('missing');
      else {
        setState('unreachable');
        again = setTimeout(() => void load(leaf), AGAIN_MS);
      }
    }
  };

  const sender = openSender({
    id,
    outbox,
    begins,
    thread,
    setThread,
    accepted: (at) => {
      setPosition(at);
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
      const take = (update: Update): void => setThread((known) => merge(known, { ...update, to: known.asOf }));
      const end = subscribe(
        ConversationEvents,
        { id, asOf, after: null },
        ({ conversationEvents: update }) => {
          take(update);
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
    position,
    older: () => before() !== null,
    loadOlder: async () => {
      const { conversation } = await request(ThreadQuery, { id, before: before() });
      if (!conversation) return;
      const { messages, before: older } = conversation.thread;
      setThread((known) => merge(known, { to: known.asOf, conversation, messages }));
      setBefore(older ?? null);
    },
    send: sender.send,
    resend: sender.resend,
    takeBack: sender.takeBack,
    stop: async (reply) => {
      await request(StopMutation, { input: { commandId: newId(), conversation: id, reply } });
    },
    showBranch: async (message) => {
      if (!thread().messages[message]) {
        const { conversation } = await request(ThreadQuery, { id, leaf: message });
        if (!conversation) return;
        const { messages, before: older } = conversation.thread;
        setThread((known) => merge(known, { to: known.asOf, conversation, messages }));
        setBefore(older ?? null);
        await loadBelow(message);
      }
      setThread((known) => merge({ ...known, leaf: message }, { to: known.asOf, messages: [] }));
    },
    markRead: () => {
      const last = thread().messages[branchOf(thread()).at(-1) ?? ''];
      if (!last || last.version === 0 || isRunning(last) || last.seq <= marked) return;
      marked = last.seq;
      request(ReadMutation, { input: { commandId: newId(), conversation: id, seq: last.seq } }).catch(() => {
        marked = 0;
      });
    },
  };
}
