import ArrowUp from 'lucide-solid/icons/arrow-up';
import Square from 'lucide-solid/icons/square';
import { type JSX, Show, createEffect, createSignal, onCleanup, onMount } from 'solid-js';

const TALLEST = 220;
const LONGEST = 100_000;

/** Where one writes. What is not sent yet survives a reload, per conversation. */
export function Composer(props: {
  draft: string;
  running?: boolean;
  onSend: (text: string) => void;
  onStop?: () => void;
}): JSX.Element {
  const key = (): string => `verbatim.draft.${props.draft}`;
  const [text, setText] = createSignal(localStorage.getItem(key()) ?? '');
  let field: HTMLTextAreaElement | undefined;

  const usable = (): boolean => text().trim() !== '' && text().length <= LONGEST;
  const send = (): void => {
    if (!usable() || props.running) return;
    const sent = text();
    setText('');
    localStorage.removeItem(key());
    props.onSend(sent);
    field?.focus();
  };

  createEffect(() => {
    if (text() === '') localStorage.removeItem(key());
    else localStorage.setItem(key(), text());
  });
  createEffect(() => {
    text();
    if (!field) return;
    field.style.height = 'auto';
    field.style.height = `${Math.min(field.scrollHeight, TALLEST)}px`;
  });
  // On touch the keyboard would cover what one came to read.
  onMount(() => matchMedia('(hover: hover)').matches && field?.focus());

  const onKeys = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && props.running && !document.querySelector('dialog[open]')) props.onStop?.();
    if (event.key === 'Escape' && event.shiftKey) field?.focus();
  };
  document.addEventListener('keydown', onKeys);
  onCleanup(() => document.removeEventListener('keydown', onKeys));

  return (
    <form
      class="mx-auto w-full max-w-[46rem] px-4 pb-4"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="flex items-end gap-2 rounded-[28px] border border-line bg-bg py-2 pr-2 pl-5 shadow-[0_2px_12px_oklch(0_0_0/6%)] focus-within:border-faint dark:bg-raised">
        <textarea
          ref={field}
          rows="1"
          aria-label="Message"
          placeholder="Write a message"
          class="scroller max-h-[220px] min-h-10 flex-1 resize-none bg-transparent py-2 leading-6 outline-none placeholder:text-faint"
          value={text()}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            // Enter ends a word in an input method; it must not send then.
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        <Show
          when={props.running}
          fallback={
            <button
              type="submit"
              aria-label="Send"
              title="Send"
              disabled={!usable()}
              class="grid size-10 shrink-0 place-items-center rounded-full bg-fg text-bg transition-opacity hover:opacity-85 disabled:cursor-default disabled:opacity-25"
            >
              <ArrowUp size={20} aria-hidden="true" />
            </button>
          }
        >
          <button
            type="button"
            aria-label="Stop"
            title="Stop (Esc)"
            class="grid size-10 shrink-0 place-items-center rounded-full bg-fg text-bg transition-opacity hover:opacity-85"
            onClick={() => props.onStop?.()}
          >
            <Square size={14} fill="currentColor" aria-hidden="true" />
          </button>
        </Show>
      </div>
      <Show when={text().length > LONGEST}>
        <p class="mt-2 px-5 text-sm text-danger" role="alert">
          {`A message has at most ${LONGEST.toLocaleString()} characters; this has ${text().length.toLocaleString()}.`}
        </p>
      </Show>
    </form>
  );
}
