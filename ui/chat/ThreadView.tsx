import ArrowDown from 'lucide-solid/icons/arrow-down';
import { For, type JSX, Show, createEffect, createMemo, createSignal, on, onCleanup, onMount } from 'solid-js';
import type { Chat } from '../state/chat.js';
import { branchOf, isRunning } from '../state/thread.js';
import { MessageRow } from './MessageRow.js';
import { createFollow } from './follow.js';

const NEAR_TOP = 600;
const SEEN_MS = 600;
const MARGIN = 8;

/**
 * The shown branch. It opens at the end, and follows it until somebody scrolls up. `sent` grows with each own message,
 * which then goes to the top, with room for its reply below.
 */
export function ThreadView(props: { chat: Chat; sent: number; onTakeBack: () => void }): JSX.Element {
  const ids = createMemo(() => branchOf(props.chat.thread()));
  const follow = createFollow();
  const [floor, setFloor] = createSignal({ of: '', height: 0 });
  let scroller: HTMLDivElement | undefined;
  let content: HTMLDivElement | undefined;
  let loading = false;

  const last = createMemo(() => props.chat.thread().messages[ids().at(-1) ?? '']);
  const room = (): number => (ids().includes(floor().of) ? floor().height : 0);

  const older = async (): Promise<void> => {
    if (loading || !props.chat.older()) return;
    loading = true;
    const grown = await follow.holding(() => props.chat.loadOlder().catch(() => undefined));
    setFloor(({ of, height }) => ({ of, height: height === 0 ? 0 : height + grown }));
    loading = false;
  };
  const onScroll = (): void => {
    follow.scrolled();
    if (scroller && scroller.scrollTop < NEAR_TOP) void older();
  };

  onMount(() => {
    if (scroller && content) follow.attach(scroller, content);
  });
  createEffect(
    on(
      () => props.sent,
      (count) => {
        const id = ids().at(-2);
        const row = content?.querySelector<HTMLElement>(`[data-id="${id}"]`);
        if (count === 0 || !scroller || !row || id === undefined) return;
        setFloor({ of: id, height: row.offsetTop - MARGIN + scroller.clientHeight });
        follow.toEnd(matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth');
      },
    ),
  );

  const seen = (): void => {
    if (document.visibilityState === 'visible' && !follow.away()) props.chat.markRead();
  };
  createEffect(() => {
    props.chat.thread();
    follow.away();
    const timer = setTimeout(seen, SEEN_MS);
    onCleanup(() => clearTimeout(timer));
  });
  document.addEventListener('visibilitychange', seen);
  onCleanup(() => document.removeEventListener('visibilitychange', seen));

  /** Said to who cannot see it: only what changes while one is here, not what was long over. */
  const spoken = createMemo<{ running: string | undefined; words: string }>(
    (before) => {
      const reply = last();
      if (!reply?.reply) return { running: undefined, words: '' };
      if (isRunning(reply)) return { running: reply.id, words: 'Replying' };
      if (before.running !== reply.id) return before;
      const stopped = reply.reply.status === 'STOPPED';
      return { running: reply.id, words: stopped ? 'Reply stopped' : 'Reply ready' };
    },
    { running: undefined, words: '' },
  );

  return (
    <div class="relative min-h-0 flex-1">
      <div
        ref={(element) => {
          scroller = element;
        }}
        class="scroller relative h-full [scrollbar-gutter:stable_both-edges]"
        tabindex="-1"
        onScroll={onScroll}
        onWheel={(event) => event.deltaY < 0 && follow.release()}
        onTouchMove={() => follow.away() && follow.release()}
        onKeyDown={(event) => ['PageUp', 'ArrowUp', 'Home'].includes(event.key) && follow.release()}
      >
        <div
          ref={(element) => {
            content = element;
          }}
          class="mx-auto w-full max-w-[48rem] px-4 pt-4 pb-8"
          style={{ 'min-height': `${room()}px` }}
          role="log"
          aria-live="off"
          aria-label="Messages"
        >
          <Show when={props.chat.state() === 'loading'}>
            <div class="skeleton" aria-hidden="true" />
          </Show>
          <Show when={props.chat.state() === 'unreachable' && ids().length === 0}>
            <p class="py-8 text-center text-muted">The server cannot be reached. Trying again …</p>
          </Show>
          <For each={ids()}>
            {(id) => <MessageRow id={id} chat={props.chat} onTakeBack={() => props.onTakeBack()} />}
          </For>
        </div>
      </div>
      <div class="pointer-events-none absolute inset-x-0 top-0 h-3 bg-linear-to-b from-bg to-transparent" />
      <div class="pointer-events-none absolute inset-x-0 bottom-0 h-5 bg-linear-to-t from-bg to-transparent" />
      <Show when={follow.away()}>
        <button
          type="button"
          aria-label="Scroll to the end"
          title="Scroll to the end"
          class="to-end"
          onClick={() => follow.toEnd()}
        >
          <ArrowDown size={18} aria-hidden="true" />
        </button>
      </Show>
      <p class="sr-only" role="status" aria-live="polite">
        {spoken().words}
      </p>
    </div>
  );
}
