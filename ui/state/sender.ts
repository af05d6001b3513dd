import { type Accessor, type Setter, createEffect, createSignal, on, onCleanup } from 'solid-js';
import { GqlError, connected, request } from '../gql/client.js';
import type { OutcomeFieldsFragment } from '../gql/generated/graphql.js';
import { PostMutation, StartMutation } from '../gql/operations.js';
import { newId, newNodeId } from './ids.js';
import type { Outbox, Post } from './outbox.js';
import { type Thread, expectPost, withdraw } from './thread.js';

/** Where a message goes: after `parent`; `fork` makes a sibling of what is there, on purpose. */
export type Place = { readonly parent: string | null; readonly fork: boolean };

/** A post that did not get through, and why. `unreached`: nobody answered, so it may have arrived. */
export type Failure = {
  readonly post: Post;
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
  readonly accepted: (position: string) => void;
  /** Shows the branch that ends in this message. */
  readonly show: (leaf: string) => Promise<void>;
};

const PATIENCE = 3;
const PAUSE_MS = 2_000;

/** Refusals that are not remembered: the same command may be sent again. */
const forgotten: readonly string[] = ['EXPIRED', 'UNAVAILABLE'];

/** Sends posts, one at a time: each is on the screen at once, and sent again with the same ids it is done once. */
export function openSender({ id, outbox, begins, thread, setThread, accepted, show }: SenderOptions): Sender {
  const [failure, setFailure] = createSignal<Failure>();
  let gone = false;
  onCleanup(() => {
    gone = true;
  });

  const submit = async ({ start, ...post }: Post): Promise<OutcomeFieldsFragment> => {
    const { commandId, message, reply, text } = post;
    const answer = start
      ? await request(StartMutation, { input: { commandId, conversation: id, message, reply, text } })
      : await request(PostMutation, { input: { ...post, conversation: id } });
    return answer.outcome;
  };

  const fail = (post: Post, kind: Failure['kind'], reason: string): void => {
    setFailure({ post, kind, reason });
  };

  const attempt = async (post: Post, tries = 1): Promise<void> => {
    setFailure(undefined);
    outbox.keep(post);
    try {
      const outcome = await submit(post);
      switch (outcome.__typename) {
        case 'Accepted':
          outbox.clear();
          return accepted(outcome.position);
        case 'Pending':
          if (tries >= PATIENCE) return fail(post, 'unreached', 'No answer yet. It may still arrive.');
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
          return gone ? undefined : attempt(post, tries + 1);
        case 'Conflict':
          return await showConflict(post, outcome);
        case 'Rejected':
          return fail(post, forgotten.includes(outcome.code) ? 'unreached' : 'rejected', outcome.message);
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
    fail(moved, 'conflict', message);
  };

  const begin = (post: Post): void => {
    setThread((known) => expectPost(known, post));
    void attempt(post);
  };

  const resend = (): void => {
    const failed = failure();
    if (!failed) return;
    // A refusal is remembered under its command: what is tried anew is a new one.
    const { post, kind } = failed;
    void attempt(kind === 'unreached' ? post : { ...post, commandId: newId() });
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
        commandId: newId(),
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
      if (post) begin(post);
    },
  };
}
