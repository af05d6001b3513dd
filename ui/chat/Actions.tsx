import ChevronLeft from 'lucide-solid/icons/chevron-left';
import ChevronRight from 'lucide-solid/icons/chevron-right';
import { type JSX, Show } from 'solid-js';
import { CopyButton } from '../parts/CopyButton.js';
import { useShell } from '../sidebar/shell-context.js';
import type { Chat } from '../state/chat.js';
import { type Message, textOf } from '../state/thread.js';

/** What can be done with a message. Its row is always there, so that nothing moves when it appears. */
export function Actions(props: {
  message: Message;
  chat: Chat;
  always?: boolean;
  children?: JSX.Element;
}): JSX.Element {
  const { tell } = useShell();
  const siblings = (): readonly string[] => props.message.siblings.ids;
  const index = (): number => props.message.siblings.index;
  const go = (by: number): void => {
    const id = siblings()[index() + by];
    if (id === undefined) return;
    props.chat.showBranch(id).catch(() => tell('The server cannot be reached.'));
  };
  return (
    <div
      class="-mx-2 mt-1 mb-3 flex h-8 items-center gap-0.5 transition-opacity group-hover:opacity-100 focus-within:opacity-100 pointer-coarse:opacity-100"
      classList={{ 'opacity-0': !props.always && siblings().length < 2 }}
    >
      <Show when={siblings().length > 1}>
        <div class="flex items-center text-sm text-muted tabular-nums" role="group" aria-label="Versions">
          <button
            type="button"
            class="icon-button"
            aria-label="Earlier version"
            disabled={index() === 0}
            onClick={() => go(-1)}
          >
            <ChevronLeft size={16} aria-hidden="true" />
          </button>
          {`${index() + 1}/${siblings().length}`}
          <button
            type="button"
            class="icon-button"
            aria-label="Later version"
            disabled={index() === siblings().length - 1}
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
