import type { EventEmitter } from 'node:events';

/** One Ctrl+C comes twice where npm, or a shell, passes on what the terminal has told the process already. In ms. */
const ECHO = 1_000;

/**
 * Tells that the process is to stop, by SIGINT or SIGTERM: `inOrder` at the first, `atOnce` whenever it is told again, for
 * which nothing counts that comes together with the first. Returns what says whether it was told.
 */
export function whenToldToStop(
  inOrder: () => void,
  atOnce: () => void,
  from: Pick<EventEmitter, 'on'> = process,
  now = (): number => performance.now(),
): () => boolean {
  let first: number | undefined;
  const told = (): void => {
    if (first === undefined) {
      first = now();
      inOrder();
    } else if (now() - first >= ECHO) atOnce();
  };
  from.on('SIGINT', told);
  from.on('SIGTERM', told);
  return () => first !== undefined;
}
