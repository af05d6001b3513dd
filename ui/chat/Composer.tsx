import ArrowUp from 'lucide-solid/icons/arrow-up';
import Square from 'lucide-solid/icons/square';
import { type JSX, Show, createEffect, onCleanup, onMount } from 'solid-js';
import type { Draft } from './draft.js';

const TALLEST = 216;
const LONGEST = 100_000;

const inField = (event: KeyboardEvent): boolean =>
  event.target instanceof HTMLElement && event.target.closest('input, textarea, [contenteditable]') !== null;

/** Enter sends, but not where it ends a word in an input method, nor where a keyboard of glass has no Shift+Enter. */
export const sends = (event: KeyboardEvent): boolean =>
  event.key === 'Enter' && !event.shiftKey && !event.isComposing && !matchMedia('(hover: none)').matches;

/** Where one writes. `held` says why nothing can be sent now. */
export function Composer(props: {
  draft: Draft;
  running?: boolean;
  stopping?: boolean;
  held?: string | undefined;
  onSend: (text: string) => void;
  onStop?: () => void;
}): JSX.Element {
  const text = (): string => props.draft.text();
  let field: HTMLTextAreaElement | undefined;

  const usable = (): boolean => text().trim() !== '' && text().length <= LONGEST && props.held === undefined;
  const send = (): void => {
    if (!usable() || props.running) return;
    const sent = text();
    props.draft.setText('');
    props.onSend(sent);
    field?.focus();
  };

  if (!CSS.supports('field-sizing', 'content')) {
    createEffect(() => {
      text();
      if (!field) return;
      field.style.height = 'auto';
      field.style.height = `${Math.min(field.scrollHeight, TALLEST)}px`;
    });
  }
  // On touch the keyboard would cover what one came to read.
  onMount(() => matchMedia('(hover: hover)').matches && field?.focus());

  const onKeys = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape' && event.shiftKey) field?.focus();
    else if (event.key === 'Escape' && props.running) props.onStop?.();
    else if (event.key === '/' && !event.ctrlKey && !event.metaKey && !inField(event)) {
      event.preventDefault();
      field?.focus();
    }
  };
  document.addEventListener('keydown', onKeys);
  onCleanup(() => document.removeEventListener('keydown', onKeys));

  return (
    <form
      class="mx-auto w-full max-w-[48rem] px-4"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer" onClick={(event) => event.target === event.currentTarget && field?.focus()}>
        <textarea
          ref={(element) => {
            field = element;
          }}
          rows="1"
          aria-label="Message"
          placeholder="Write a message"
          class="scroller field-sizing-content max-h-[216px] min-h-10 flex-1 resize-none bg-transparent py-2 leading-6 outline-none placeholder:text-faint"
          value={text()}
          onInput={(event) => props.draft.setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (!sends(event)) return;
            event.preventDefault();
            send();
          }}
        />
        <Show
          when={props.running}
          fallback={
            <button
              type="submit"
              class="round-button"
              aria-label="Send"
              title={props.held ?? 'Send (Enter)'}
              disabled={!usable()}
            >
              <ArrowUp size={20} aria-hidden="true" />
            </button>
          }
        >
          <button
            type="button"
            class="round-button"
            aria-label="Stop"
            title={props.stopping ? 'Stopping …' : 'Stop (Esc)'}
            disabled={props.stopping ?? false}
            onClick={() => props.onStop?.()}
          >
            <Square size={13} fill="currentColor" aria-hidden="true" />
          </button>
        </Show>
      </div>
      <Show when={text().length > LONGEST}>
        <p class="mt-2 px-5 text-sm text-danger" role="alert">
          {`A message has at most ${LONGEST.toLocaleString('en')} characters; this has ${text().length.toLocaleString('en')}.`}
        </p>
      </Show>
    </form>
  );
}
