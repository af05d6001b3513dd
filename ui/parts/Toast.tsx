import { type Accessor, type JSX, Show, createEffect, createSignal, onCleanup } from 'solid-js';

const SHOWN_MS = 6_000;
const PATIENCE_MS = 1_500;

/** Words that pass: what did not work, and that the connection is away (not for what heals before one can read it). */
export function createToast(connected: Accessor<boolean>): { tell: (text: string) => void; Toast: () => JSX.Element } {
  const [told, setTold] = createSignal('');
  const [away, setAway] = createSignal(false);

  createEffect(() => {
    if (told() === '') return;
    const timer = setTimeout(() => setTold(''), SHOWN_MS);
    onCleanup(() => clearTimeout(timer));
  });
  createEffect(() => {
    if (connected()) {
      setAway(false);
      return;
    }
    const timer = setTimeout(() => setAway(true), PATIENCE_MS);
    onCleanup(() => clearTimeout(timer));
  });
  const words = (): string => {
    if (told() !== '') return told();
    if (!away()) return '';
    return navigator.onLine ? 'Reconnecting …' : 'You are offline. What you send waits here.';
  };

  return {
    tell: setTold,
    Toast: () => (
      <div class="pointer-events-none fixed inset-x-0 top-3 z-20 flex justify-center px-4" role="status">
        <Show when={words()}>
          <p class="toast">{words()}</p>
        </Show>
      </div>
    ),
  };
}
