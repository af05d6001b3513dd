/** Does what there is to do at a home of a view, until the signal aborts: then it lets go of the home and resolves. */
export type HomeWork = (home: number, signal: AbortSignal) => Promise<void>;

/** Which homes of a view are run here. */
export type Homes = {
  /**
   * Has the work done at each home that is this process's, from when on it is and until it is not any more, or until the
   * signal aborts. Resolves when all of it is over. Work that ends by itself begins again, if the home is still this one's
   * by then, where homes are shared; else it is over.
   */
  each(work: HomeWork, signal: AbortSignal): Promise<void>;
  /** Leaves them to others. Nothing is at work any more. */
  close(): Promise<void>;
};

/** All homes are run here: there is one process. */
export const allHomes = (partitions: number): Homes => ({
  each: async (work, signal) => {
    await Promise.all(Array.from({ length: partitions }, (_, home) => work(home, signal)));
  },
  close: async () => undefined,
});
