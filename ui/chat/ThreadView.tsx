import ArrowDown from 'lucide-solid/icons/arrow-down';
import { For, type JSX, Show, createEffect, createMemo, createSignal, on, onCleanup, onMount } from 'solid-js';
import type { Chat } from '../state/chat.js';
import { branchOf } from '../state/thread.js';
import { MessageRow } from './MessageRow.js';

/** Nearer to the end than this, in px, the page follows what comes. */
const PINNED = 60;
const NEAR_TOP = 400;

/** The shown branch. It opens at the end, and follows it until somebody scrolls up. `pin` grows with each own message. */
export function ThreadView(props: { chat: Chat; pin: number }): JSX.Element {
  const ids = createMemo(() => branchOf(props.chat.thread()));
  const [atEnd, setAtEnd] = createSignal(true);
  let scroller: HTMLDivElement | undefined;
  let content: HTMLDivElement | undefined;
  let follows = true;
  let loading = false;

  const toEnd = (): void => {
    if (scroller) scroller.scrollTop = scroller.scrollHeight;
  };
  const gap = (): number => (scroller ? scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight : 0);

  const onScroll = (): void => {
    if (gap() <= PINNED) follows = true;
    setAtEnd(gap() <= 200);
    if (scroller && scroller.scrollTop < NEAR_TOP && props.chat.older() && !loading) void older();
  };
  const unpin = (up: boolean): void => {
    if (up) follows = false;
  };

  /** Older messages come in above without moving what one reads. */
  const older = async (): Promise<void> => {
    loading = true;
    const from = scroller ? scroller.scrollHeight - scroller.scrollTop : 0;
    await props.chat.loadOlder().catch(() => undefined);
    requestAnimationFrame(() => {
      if (scroller) scroller.scrollTop = scroller.scrollHeight - from;
      loading = false;
    });
  };

  onMount(() => {
    if (!content) return;
    const grown = new ResizeObserver(() => {
      if (follows) toEnd();
    });
    grown.observe(content);
    onCleanup(() => grown.disconnect());
  });
  createEffect(
    on(
      () => props.pin,
      () => {
        follows = true;
        toEnd();
      },
    ),
  );

  const seen = (): void => {
    if (document.visibilityState === 'visible') props.chat.markRead();
  };
  createEffect(() => {
    props.chat.thread();
    const timer = setTimeout(seen, 600);
    onCleanup(() => clearTimeout(timer));
  });
  document.addEventListener('visibilitychange', seen);
  onCleanup(() => document.removeEventListener('visibilitychange', seen));

  const spoken = createMemo(() => {
    const status = props.chat.thread().messages[ids().at(-1) ?? '']?.reply?.status;
    if (status === 'REQUESTED' || status === 'RUNNING') return 'The reply is being written.';
    return status === 'STOPPED' ? 'The reply was stopped.' : status ? 'The reply is ready.' : '';
  });

  return (
    <div class="relative min-h-0 flex-1">
      <div
        ref={scroller}
        class="scroller h-full [scrollbar-gutter:stable_both-edges]"
        tabindex="-1"
        onScroll={onScroll}
        onWheel={(event) => unpin(event.deltaY < 0)}
        onTouchMove={() => unpin(gap() > PINNED)}
        onKeyDown={(event) => unpin(['PageUp', 'ArrowUp', 'Home'].includes(event.key))}
      >
        <div
          ref={content}
          class="mx-auto w-full max-w-[46rem] px-4 pt-6 pb-10"
          role="log"
          aria-live="off"
          aria-label="Messages"
        >
          <Show when={props.chat.state() === 'unreachable'}>
            <p class="py-8 text-center text-muted">The server cannot be reached. Trying again …</p>
          </Show>
          <For each={ids()}>{(id) => <MessageRow id={id} chat={props.chat} />}</For>
        </div>
      </div>
      <div class="pointer-events-none absolute inset-x-0 bottom-0 h-6 bg-linear-to-t from-bg to-transparent" />
      <Show when={!atEnd()}>
        <button
          type="button"
          aria-label="Scroll to the end"
          title="Scroll to the end"
          class="absolute bottom-3 left-1/2 grid size-9 -translate-x-1/2 place-items-center rounded-full border border-line bg-bg text-muted shadow-[0_2px_12px_oklch(0_0_0/10%)] hover:text-fg"
          onClick={() => {
            follows = true;
            toEnd();
          }}
        >
          <ArrowDown size={18} aria-hidden="true" />
        </button>
      </Show>
      <p class="sr-only" role="status" aria-live="polite">
        {spoken()}
      </p>
    </div>
  );
}
