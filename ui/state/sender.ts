import { type Accessor, type Setter, createEffect, createSignal, on, onCleanup } from 'solid-js';
import { GqlError } from '../gql/client.js';
import type { OutcomeFieldsFragment } from '../gql/generated/graphql.js';
import { newId, newNodeId } from './ids.js';
import type { Outbox, Post } from './outbox.js';
import { type Thread, expectPost, withdraw } from './thread.js';

/** Where a message goes: after `parent`; `fork` makes a sibling of what is there, on purpose. */
export type Place = { readonly parent: string | null; readonly fork: boolean };

/**
 * A post that did not get through, why, and what to send instead. `unreached`: nobody answered, so it may have arrived
 * and must not be taken back.
 */
export type Failure = {
  readonly post: Post;
  readonly again: Post;
  readonly kind: 'unreached' | 'conflict' | 'rejected';
  readonly reason: string;
};

export type Sender = {
  readonly failure: Accessor<Failure | undefined>;
  send(text: string, place?: Place): void;
  resend(): void;
  takeBack(): string;
  /** Goes on with what a reload interrupted. */
  resume(): void;
};

export type SenderOptions = {
  readonly id: string;
  readonly outbox: Outbox;
  readonly begins: boolean;
  readonly thread: Accessor<Thread>;
  readonly setThread: Setter<Thread>;
  /** Sends a post to the server. Throws where nobody answers. */
  readonly submit: (post: Post) => Promise<OutcomeFieldsFragment>;
  readonly connected: Accessor<boolean>;
  readonly accepted: (reply: string, position: string) => void;
  /** Shows the branch that ends in this message. */
  readonly show: (leaf: string) => Promise<void>;
  readonly wait: (ms: number) => Promise<void>;
};

const PATIENCE = 3;
const PAUSE_MS = 2_000;

/** Refusals that are not remembered: the same command may be sent again. */
const forgotten: ReadonlySet<string> = new Set(['EXPIRED', 'UNAVAILABLE']);

/** Sends posts, one at a time: each is on the screen at once, and sent again with the same ids it is done once. */
export function openSender(options: SenderOptions): Sender {
  const { id, outbox, begins, thread, setThread, submit, connected, accepted, show, wait } = options;
  const [failure, setFailure] = createSignal<Failure>();
  let gone = false;
  onCleanup(() => {
    gone = true;
  });

  const fail = (post: Post, kind: Failure['kind'], reason: string, again = post): void => {
    setFailure({ post, again, kind, reason });
  };
  /** A refusal is remembered under its command: what is tried anew is another one. */
  const anew = (post: Post): Post => ({ ...post, commandId: newId(id) });

  const attempt = async (post: Post, tries = 1): Promise<void> => {
    setFailure(undefined);
    outbox.keep(post);
    try {
      const outcome = await submit(post);
      switch (outcome.kind) {
        case 'Accepted':
          outbox.clear();
          return accepted(post.reply, outcome.position);
        case 'Pending':
          if (tries >= PATIENCE) return fail(post, 'unreached', 'No answer yet. It may still arrive.');
          await wait(PAUSE_MS);
          return gone ? undefined : attempt(post, tries + 1);
        case 'Conflict':
          return await showConflict(post, outcome);
        case 'Rejected':
          if (forgotten.has(outcome.code)) return fail(post, 'unreached', outcome.message);
          return fail(post, 'rejected', outcome.message, anew(post));
      }
    } catch (error) {
      if (error instanceof GqlError) fail(post, 'rejected', error.message);
      else fail(post, 'unreached', 'Not sent: the server cannot be reached.');
    }
  };

  /** Shows what came meanwhile, with one's own words still unsent below it. */
  const showConflict = async (post: Post, { head, message }: { head: string; message: string }): Promise<void> => {
    setThread((known) => withdraw(known, [post.message, post.reply]));
    await show(head);
    const moved = { ...post, parent: thread().leaf ?? head };
    setThread((known) => expectPost(known, moved));
    outbox.keep(moved);
    fail(moved, 'conflict', message, anew(moved));
  };

  const begin = (post: Post): void => {
    setThread((known) => expectPost(known, post));
    void attempt(post);
  };

  const resend = (): void => {
    const failed = failure();
    if (failed) void attempt(failed.again);
  };

  // Back on the network: what waits for it goes out.
  createEffect(
    on(connected, (up) => {
      if (up && failure()?.kind === 'unreached') resend();
    }),
  );

  return {
    failure,
    resend,
    send: (text, place) => {
      const { leaf } = thread();
      begin({
        commandId: newId(id),
        message: newNodeId('message', id),
        reply: newNodeId('message', id),
        parent: place ? place.parent : (leaf ?? null),
        text,
        fork: place?.fork ?? false,
        start: begins && leaf === undefined && !place,
      });
    },
    takeBack: () => {
      const post = failure()?.post;
      if (!post) return '';
      setThread((known) => withdraw(known, [post.message, post.reply]));
      setFailure(undefined);
      outbox.clear();
      return post.text;
    },
    resume: () => {
      const post = outbox.read();
      if (!post) return;
      // It had arrived, and only the answer was lost.
      if (thread().messages[post.message]) outbox.clear();
      else begin(post);
    },
  };
}
