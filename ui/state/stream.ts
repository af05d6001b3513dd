import { type Accessor, createEffect, createSignal, onCleanup, untrack } from 'solid-js';
import { subscribe } from '../gql/client.js';
import { ReplyDeltas } from '../gql/operations.js';
import { openPause } from '../gql/pause.js';
import { type Stream, mergeDelta } from './thread.js';

/** Somebody waits for these words: the pauses grow, but not by much. In ms. */
const AGAIN_MS = 500;
const LONGEST_AGAIN_MS = 2_000;
const FLUSH_MS = 33;
const SLOW_FLUSH_MS = 50;
const HIDDEN_FLUSH_MS = 100;
const SLOW_FRAME_MS = 12;

/**
 * The text of a running reply as it comes, shown at most every 33 ms (50 ms where drawing is slow, 100 ms in a hidden
 * tab). Followed while `running` holds; the text stays until it is replaced. `position` is of what was accepted last, so
 * that a reply that was only just asked for is found.
 */
export function followReply(
  id: string,
  running: Accessor<boolean>,
  position: Accessor<string | undefined>,
): Accessor<string> {
  const [shown, setShown] = createSignal('');
  let stream: Stream = { attempt: 0, text: '' };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let slow = false;

  const flush = (): void => {
    timer = undefined;
    const begun = performance.now();
    setShown(stream.text);
    requestAnimationFrame(() => {
      slow = performance.now() - begun > SLOW_FRAME_MS + 17;
    });
  };

  createEffect(() => {
    if (!running()) return;
    let leave: (() => void) | undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    const pause = openPause(AGAIN_MS, LONGEST_AGAIN_MS);
    const follow = (): void => {
      leave = subscribe(
        ReplyDeltas,
        { id, after: untrack(position) ?? null },
        ({ replyDeltas: delta }) => {
          pause.reset();
          stream = mergeDelta(stream, delta);
          timer ??= setTimeout(flush, document.hidden ? HIDDEN_FLUSH_MS : slow ? SLOW_FLUSH_MS : FLUSH_MS);
        },
        // Not in the view yet, or ended and its end still on the way: ask again until the row says that it is over.
        (error) => {
          again = setTimeout(follow, pause.next(error));
        },
      );
    };
    follow();
    onCleanup(() => {
      clearTimeout(again);
      leave?.();
    });
  });
  onCleanup(() => clearTimeout(timer));
  return shown;
}
