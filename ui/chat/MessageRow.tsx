import { type JSX, Match, Show, Switch, createMemo, createSignal } from 'solid-js';
import Pencil from 'lucide-solid/icons/pencil';
import { Markdown } from '../markdown/Markdown.js';
import type { Chat } from '../state/chat.js';
import type { Failure } from '../state/sender.js';
import { followReply } from '../state/stream.js';
import { type Message, isRunning, textOf } from '../state/thread.js';
import { Actions } from './Actions.js';
import { Edit } from './Edit.js';

/** One message: a person's in a bubble on the right, a reply as plain text. */
export function MessageRow(props: { id: string; chat: Chat; onTakeBack: () => void }): JSX.Element {
  const message = createMemo(() => props.chat.thread().messages[props.id]);
  return (
    <Show when={message()}>
      {(found) => (
        <article class="group" data-id={props.id} aria-label={found().reply ? 'Reply' : 'Your message'}>
          <Show
            when={found().reply}
            fallback={<Own message={found()} chat={props.chat} onTakeBack={() => props.onTakeBack()} />}
          >
            <Reply message={found()} chat={props.chat} />
          </Show>
        </article>
      )}
    </Show>
  );
}

function Own(props: { message: Message; chat: Chat; onTakeBack: () => void }): JSX.Element {
  const [editing, setEditing] = createSignal(false);
  const text = createMemo(() => textOf(props.message));
  const pending = (): boolean => props.message.version === 0;
  const failure = createMemo(() => {
    const failed = props.chat.failure();
    return failed?.post.message === props.message.id ? failed : undefined;
  });
  const resend = (changed: string): void => {
    setEditing(false);
    if (changed.trim() !== '' && changed !== text()) {
      props.chat.send(changed, { parent: props.message.parent ?? null, fork: true });
    }
  };
  return (
    <div class="flex flex-col items-end">
      <Show when={!editing()} fallback={<Edit text={text()} onSave={resend} onCancel={() => setEditing(false)} />}>
        <div class="bubble" classList={{ 'opacity-60': pending() && !failure() }} dir="auto">
          {text()}
        </div>
        <Show when={failure()} fallback={<OwnActions {...props} onEdit={() => setEditing(true)} />}>
          {(failed) => (
            <Unsent failure={failed()} onAgain={() => props.chat.resend()} onTakeBack={() => props.onTakeBack()} />
          )}
        </Show>
      </Show>
    </div>
  );
}

function OwnActions(props: { message: Message; chat: Chat; onEdit: () => void }): JSX.Element {
  return (
    <Actions message={props.message} chat={props.chat}>
      <Show when={props.message.version > 0}>
        <button type="button" class="icon-button" aria-label="Edit message" title="Edit" onClick={() => props.onEdit()}>
          <Pencil size={16} aria-hidden="true" />
        </button>
      </Show>
    </Actions>
  );
}

/** Why a message is not sent, and what to do. What may have arrived is not taken back: it could then be there twice. */
function Unsent(props: { failure: Failure; onAgain: () => void; onTakeBack: () => void }): JSX.Element {
  return (
    <div class="mt-1.5 mb-4 flex flex-wrap items-center justify-end gap-x-4 gap-y-1 text-sm" role="alert">
      <span class="text-danger">{props.failure.reason}</span>
      <button type="button" class="text-button" onClick={() => props.onAgain()}>
        Send again
      </button>
      <Show when={props.failure.kind !== 'unreached'}>
        <button type="button" class="text-button" onClick={() => props.onTakeBack()}>
          Take back
        </button>
      </Show>
    </div>
  );
}

function Reply(props: { message: Message; chat: Chat }): JSX.Element {
  const running = createMemo(() => isRunning(props.message));
  const asked = createMemo(() => props.message.version > 0 || props.chat.accepted()?.reply === props.message.id);
  const streamed = followReply(
    props.message.id,
    () => running() && asked(),
    () => props.chat.accepted()?.position,
  );
  const text = createMemo(() => (running() || props.message.parts.length === 0 ? streamed() : textOf(props.message)));
  const waits = (): boolean => props.chat.failure()?.post.reply === props.message.id;
  return (
    <Show when={!waits()}>
      <div class="min-h-7">
        <Show
          when={text() !== ''}
          fallback={<Show when={running()}>{<div class="dot-pulse" aria-hidden="true" />}</Show>}
        >
          <Markdown text={text()} live={running()} />
        </Show>
        <Switch>
          <Match when={props.message.reply?.status === 'STOPPED'}>
            <p class="mt-2 text-sm text-muted">Stopped.</p>
          </Match>
          <Match when={props.message.reply?.status === 'FAILED'}>
            <p class="mt-2 text-sm text-danger">
              The reply broke off ({props.message.reply?.code}). Edit your message to ask again.
            </p>
          </Match>
        </Switch>
      </div>
      <Show when={!running()} fallback={<div class="h-12" />}>
        <Actions message={props.message} chat={props.chat} always />
      </Show>
    </Show>
  );
}
