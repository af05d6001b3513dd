/** Lets one waiter sleep until there is something to do. A wake that comes early is not lost. */
function createGate(): { wake(): void; wait(): Promise<void> } {
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

/** What a source in the making works with. */
export type Feed = {
  /** There may be something to deliver. */
  wake(): void;
  /** It is over: nothing is delivered any more, not even what is being made ready now. */
  close(): void;
  /** What to let go of in the end; at once, if it is over already. */
  onClose(leave: () => void): void;
};

/** Gives the next delivery if there is one, 'wait' if there is none yet, 'end' when it is over. */
export type Step<T> = () => Promise<T | 'wait' | 'end'>;

/**
 * A subscription's source. `begin` attaches it and returns its `step`. However it ends, while it begins, waits or makes
 * something ready, by either side or by a fault, it has let go of all that it was given to let go of. A plain object and
 * not an async generator, for `return` must end a pending `next` at once.
 */
export async function openFeed<T>(begin: (feed: Feed) => Promise<Step<T>>): Promise<AsyncGenerator<T>> {
  const gate = createGate();
  const leaving: (() => void)[] = [];
  let closed = false;
  const feed: Feed = {
    wake: gate.wake,
    close: () => {
      closed = true;
      for (let leave = leaving.pop(); leave; leave = leaving.pop()) leave();
      gate.wake();
    },
    onClose: (leave) => {
      if (closed) leave();
      else leaving.push(leave);
    },
  };
  const orClose = async <R>(work: () => Promise<R>): Promise<R> => {
    try {
      return await work();
    } catch (error) {
      feed.close();
      throw error;
    }
  };

  const step = await orClose(() => begin(feed));
  const done = { done: true, value: undefined } as const;
  const source: AsyncGenerator<T> = {
    next: async () => {
      while (!closed) {
        const delivery = await orClose(step);
        if (closed || delivery === 'end') break;
        if (delivery !== 'wait') return { done: false, value: delivery };
        await gate.wait();
      }
      feed.close();
      return done;
    },
    return: async () => {
      feed.close();
      return done;
    },
    throw: async (error) => {
      feed.close();
      throw error;
    },
    [Symbol.asyncIterator]: () => source,
  };
  return source;
}
