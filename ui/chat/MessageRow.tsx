import ChevronLeft from 'lucide-solid/icons/chevron-left';
import ChevronRight from 'lucide-solid/icons/chevron-right';
import Pencil from 'lucide-solid/icons/pencil';
import { type JSX, Match, Show, Switch, createMemo, createSignal } from 'solid-js';
import { Markdown } from '../markdown/Markdown.js';
import { CopyButton } from '../parts/CopyButton.js';
import type { Chat } from '../state/chat.js';
import { followReply } from '../state/stream.js';
import { type Message, textOf } from '../state/thread.js';

/** One message: a person's in a bubble on the right, a reply as plain text. */
export function MessageRow(props: { id: string; chat: Chat }): JSX.Element {
  const message = createMemo(() => props.chat.thread().messages[props.id]);
  return (
    <Show when={message()}>
      {(found) => (
        <article class="group mb-2" aria-label={found().reply ? 'Reply' : 'Your message'}>
          <Show when={found().reply} fallback={<Own message={found()} chat={props.chat} />}>
            <Reply message={found()} chat={props.chat} />
          </Show>
        </article>
      )}
    </Show>
  );
}

function Own(props: { message: Message; chat: Chat }): JSX.Element {
  const [editing, setEditing] = createSignal(false);
  const failure = createMemo(() => {
    const failed = props.chat.failure();
    return failed?.message === props.message.id ? failed : undefined;
  });
  const resend = (text: string): void => {
    setEditing(false);
    if (text.trim() !== '' && text !== textOf(props.message)) {
      props.chat.send(text, { parent: props.message.parent ?? null, fork: true });
    }
  };
  return (
    <div class="flex flex-col items-end">
      <Show
        when={!editing()}
        fallback={<Edit text={textOf(props.message)} onSave={resend} onCancel={() => setEditing(false)} />}
      >
        <div
          class="max-w-[80%] rounded-3xl bg-raised px-5 py-2.5 leading-7 wrap-anywhere whitespace-pre-wrap transition-opacity"
          classList={{ 'opacity-60': props.message.version === 0 && !failure() }}
        >
          {textOf(props.message)}
        </div>
      </Show>
      <Show
        when={failure()}
        fallback={
          <Actions message={props.message} chat={props.chat}>
            <button
              type="button"
              class="icon-button"
              aria-label="Edit message"
              title="Edit"
              onClick={() => setEditing(true)}
            >
              <Pencil size={16} aria-hidden="true" />
            </button>
          </Actions>
        }
      >
        {(failed) => (
          <p class="mt-1 mb-4 flex flex-wrap items-center justify-end gap-x-3 text-sm text-danger" role="alert">
            <span>{failed().reason}</span>
            <button type="button" class="font-medium underline underline-offset-3" onClick={() => failed().retry()}>
              {failed().action}
            </button>
          </p>
        )}
      </Show>
    </div>
  );
}

function Edit(props: { text: string; onSave: (text: string) => void; onCancel: () => void }): JSX.Element {
  let field: HTMLTextAreaElement | undefined;
  return (
    <form
      class="w-full rounded-3xl bg-raised p-4"
      onSubmit={(event) => {
        event.preventDefault();
        props.onSave(field?.value ?? '');
      }}
    >
      <textarea
        ref={(element) => {
          field = element;
          queueMicrotask(() => element.focus());
        }}
        aria-label="Edit message"
        class="scroller field-sizing-content max-h-80 w-full resize-none bg-transparent px-1 leading-7 outline-none"
        value={props.text}
        onKeyDown={(event) => {
          if (event.key === 'Escape') props.onCancel();
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            props.onSave(event.currentTarget.value);
          }
        }}
      />
      <div class="mt-2 flex justify-end gap-2">
        <button type="button" class="button button-quiet bg-bg" onClick={() => props.onCancel()}>
          Cancel
        </button>
        <button type="submit" class="button button-primary">
          Send
        </button>
      </div>
    </form>
  );
}

function Reply(props: { message: Message; chat: Chat }): JSX.Element {
  const status = (): string => props.message.reply?.status ?? '';
  const running = createMemo(() => status() === 'REQUESTED' || status() === 'RUNNING');
  const streamed = followReply(props.message.id, () => running() && props.message.version > 0);
  const text = (): string => (running() || props.message.parts.length === 0 ? streamed() : textOf(props.message));
  const failed = (): boolean => props.chat.failure()?.message === props.message.parent;
  return (
    <Show when={!failed()}>
      <div class="min-h-7">
        <Show when={text() !== ''} fallback={running() ? <div class="dot-pulse mt-2" aria-hidden="true" /> : null}>
          <Markdown text={text()} live={running()} />
        </Show>
        <Switch>
          <Match when={status() === 'STOPPED'}>
            <p class="mt-2 text-sm text-muted">Stopped.</p>
          </Match>
          <Match when={status() === 'FAILED'}>
            <p class="mt-2 text-sm text-danger">
              The reply broke off ({props.message.reply?.code}). Edit your message to ask again.
            </p>
          </Match>
        </Switch>
      </div>
      <Show when={!running()} fallback={<div class="h-10" />}>
        <Actions message={props.message} chat={props.chat} always />
      </Show>
    </Show>
  );
}

/** What can be done with a message. Its row is always there, so that nothing moves when it appears. */
function Actions(props: { message: Message; chat: Chat; always?: boolean; children?: JSX.Element }): JSX.Element {
  const siblings = (): readonly string[] => props.message.siblings.ids;
  const go = (by: number): void => {
    const id = siblings()[props.message.siblings.index + by];
    if (id !== undefined) void props.chat.showBranch(id);
  };
  return (
    <div
      class="mt-1 mb-3 flex h-8 items-center gap-0.5 transition-opacity focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100"
      classList={{ 'opacity-0': !props.always && siblings().length < 2 }}
    >
      <Show when={siblings().length > 1}>
        <div class="flex items-center text-sm text-muted tabular-nums">
          <button
            type="button"
            class="icon-button disabled:opacity-30"
            aria-label="Earlier version"
            disabled={props.message.siblings.index === 0}
            onClick={() => go(-1)}
          >
            <ChevronLeft size={16} aria-hidden="true" />
          </button>
          {`${props.message.siblings.index + 1}/${siblings().length}`}
          <button
            type="button"
            class="icon-button disabled:opacity-30"
            aria-label="Later version"
            disabled={props.message.siblings.index === siblings().length - 1}
            onClick={() => go(1)}
          >
            <ChevronRight size={16} aria-hidden="true" />
          </button>
        </div>
      </Show>
      <CopyButton text={textOf(props.message)} label="Copy" />
      {props.children}
    </div>
  );
}
