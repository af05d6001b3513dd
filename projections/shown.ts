import type { Position } from '../commands/command.js';

/** What a view shows, per home, and who waits for it to show more. */
export function createShown() {
  const offsets = new Map<number, number>();
  const waiting = new Set<{ readonly position: Position; readonly settle: () => void }>();
  let closed = false;
  const isShown = ({ partition, offset }: Position): boolean => (offsets.get(partition) ?? 0) >= offset;

  return {
    move: ({ partition, offset }: Position): void => {
      offsets.set(partition, offset);
      for (const { position, settle } of waiting) {
        if (isShown(position)) settle();
      }
    },
    reached: async (position: Position, patience: number): Promise<boolean> => {
      if (closed || isShown(position)) return isShown(position);
      return new Promise((answer) => {
        const settle = (): void => {
          clearTimeout(timer);
          waiting.delete(wait);
          answer(isShown(position));
        };
        const wait = { position, settle };
        const timer = setTimeout(settle, patience);
        waiting.add(wait);
      });
    },
    /** Nothing of it may be there any more. */
    forget: (): void => offsets.clear(),
    /** Nothing more will be shown. */
    close: (): void => {
      closed = true;
      for (const { settle } of waiting) settle();
    },
  };
}
