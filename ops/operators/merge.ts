/** What was found in a record, its place and time, and whether it is the last that was found in that record. */
export type Found = {
  readonly partition: number;
  readonly offset: number;
  readonly at: string;
  readonly value: object;
  readonly last: boolean;
};

type Source = AsyncIterator<readonly Found[]>;

/** What one source has handed over and has not been passed on, oldest first. */
type Queue = { readonly source: Source; items: readonly Found[]; at: number; over: boolean };

/**
 * Merges sources, each in order of time, into one such order. Holds one piece of each, and asks for the next when that
 * one is passed on. A piece of the result ends where nobody knows yet what comes next.
 */
export async function* oldestFirst(sources: readonly Source[]): AsyncGenerator<readonly Found[]> {
  const queues = sources.map((source): Queue => ({ source, items: [], at: 0, over: false }));
  for (;;) {
    for (const queue of queues) await refill(queue);
    const piece: Found[] = [];
    for (let next = oldest(queues); next; next = oldest(queues)) {
      const item = next.items[next.at];
      if (item) piece.push(item);
      next.at += 1;
      if (next.at === next.items.length && !next.over) break;
    }
    if (piece.length === 0) return;
    yield piece;
  }
}

async function refill(queue: Queue): Promise<void> {
  while (!queue.over && queue.at === queue.items.length) {
    const piece = await queue.source.next();
    queue.over = piece.done === true;
    queue.items = piece.done === true ? [] : piece.value;
    queue.at = 0;
  }
}

function oldest(queues: readonly Queue[]): Queue | undefined {
  let found: Queue | undefined;
  let time = '';
  for (const queue of queues) {
    const at = queue.items[queue.at]?.at;
    if (at !== undefined && (!found || at < time)) [found, time] = [queue, at];
  }
  return found;
}

/** Hands on what comes from any of several sources, as it comes. None runs ahead: what it gave is taken before it goes on. */
export async function* arriving<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const offers: { readonly item: T; readonly taken: () => void }[] = [];
  let open = sources.length;
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => undefined;

  const pump = async (source: AsyncIterable<T>): Promise<void> => {
    try {
      for await (const item of source) {
        await new Promise<void>((taken) => {
          offers.push({ item, taken });
          wake();
        });
      }
    } catch (error) {
      failure ??= { error };
    }
    open -= 1;
    wake();
  };
  for (const source of sources) void pump(source);

  for (;;) {
    const offer = offers.shift();
    if (offer) {
      yield offer.item;
      offer.taken();
    } else if (failure) {
      throw failure.error;
    } else if (open === 0) {
      return;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
