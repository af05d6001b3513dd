import type { Clock } from './clock.js';

/**
 * A process of the fleet, as far as it can die and stand still. Everything that it waits for comes to it through
 * `hears`: a dead one hears nothing any more, so that it ends wherever it was waiting; one that stands still hears later,
 * and goes on as if nothing had happened.
 */
export type Process = {
  readonly name: string;
  readonly alive: boolean;
  /** Its own clock, which may differ from others'. Ms since 1970. */
  now(): number;
  hears<T>(answer: Promise<T>): Promise<T>;
  wait(ms: number, signal?: AbortSignal): Promise<void>;
  kill(): void;
  pause(): void;
  resume(): void;
};

export function createProcess({ name, clock, skew }: ProcessOptions): Process {
  let alive = true;
  let held: (() => void)[] | undefined;
  const deliver = (news: () => void): void => {
    if (!alive) return;
    if (held) held.push(news);
    else news();
  };
  const hears = <T>(answer: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (!alive) return;
      answer.then(
        (value) => deliver(() => resolve(value)),
        (error: unknown) => deliver(() => reject(error)),
      );
    });
  return {
    name,
    get alive() {
      return alive;
    },
    now: () => clock.now() + skew,
    hears,
    wait: (ms, signal) => hears(clock.wait(ms, signal)),
    kill: () => {
      alive = false;
      held = undefined;
    },
    pause: () => {
      held ??= [];
    },
    resume: () => {
      const news = held ?? [];
      held = undefined;
      for (const each of news) deliver(each);
    },
  };
}

export type ProcessOptions = { readonly name: string; readonly clock: Clock; readonly skew: number };
