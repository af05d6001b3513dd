/** Lets one waiter sleep until there is something to do. A wake that comes early is not lost. */
export type Gate = { wake(): void; wait(): Promise<void> };

export function createGate(): Gate {
  let open = false;
  let pass: (() => void) | undefined;
  return {
    wake: () => {
      open = true;
      pass?.();
    },
    wait: async () => {
      if (!open) {
        await new Promise<void>((resolve) => {
          pass = resolve;
        });
      }
      open = false;
      pass = undefined;
    },
  };
}

/**
 * A subscription's source. `step` gives the next delivery if there is one, 'wait' if there is none yet, 'end' when it is
 * over. A plain object and not an async generator, for `return` must end a pending `next` at once.
 */
export function feed<T>(gate: Gate, step: () => Promise<T | 'wait' | 'end'>, detach: () => void): AsyncGenerator<T> {
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    detach();
    gate.wake();
  };
  const done = { done: true, value: undefined } as const;
  return {
    next: async () => {
      while (!closed) {
        const delivery = await step();
        if (closed || delivery === 'end') break;
        if (delivery !== 'wait') return { done: false, value: delivery };
        await gate.wait();
      }
      close();
      return done;
    },
    return: async () => {
      close();
      return done;
    },
    throw: async (error) => {
      close();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
