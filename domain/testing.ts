import { expect } from 'vitest';
import type { Sealed } from './content.js';
import { type Asked, type Decider, type RejectionCode, type Typed, isRejection } from './decider.js';
import { type Uuid, timedId } from './ids.js';

/** The n-th id that a client might have made, in a bucket. */
export const clientId = (n: number, bucket = 0x123): Uuid =>
  timedId(Date.parse('2026-01-01T00:00:00Z') + n, new Uint8Array(16).fill(n), bucket);

/** What a sealed text looks like to a decider; `n` tells two sealings apart. */
export const sealedText = (key: string, content: string, n = 0): Sealed => ({
  key,
  content,
  box: Buffer.alloc(40, n).toString('base64'),
});

/** The state after some events. */
export const fold = <S, C extends Typed, E extends Typed>(
  { initial, evolve }: Decider<S, C, E>,
  events: readonly E[],
): S => events.reduce(evolve, initial);

/** Tells a rule of a decider as a story: given what has happened, when someone asks for something, then this comes of it. */
export const given = <S, C extends Typed, E extends Typed>(decider: Decider<S, C, E>, ...events: readonly E[]) => ({
  when: (command: Asked<C>) => {
    const decide = () => decider.decide(command, fold(decider, events));
    return {
      /** These events are added, no more. */
      adds: (...added: readonly E[]): void => expect(decide()).toEqual(added),
      /** It is so already. */
      changesNothing: (): void => expect(decide()).toEqual([]),
      /** It is refused with this code, in words for its sender. */
      isRefused: (rejected: RejectionCode, more: object = {}): void =>
        expect(decide()).toEqual({ rejected, message: expect.stringMatching(/\w+ \w+.*\.$/), ...more }),
    };
  },
});

/**
 * Runs commands one after the other, as an owner would, and holds what is true of every decider: it does not throw, what
 * it decides can be folded, and the same command again changes nothing. Returns everything that happened.
 */
export function run<S, C extends Typed, E extends Typed>(
  decider: Decider<S, C, E>,
  commands: readonly Asked<C>[],
): readonly E[] {
  const events: E[] = [];
  let state = decider.initial;
  for (const command of commands) {
    const decision = decider.decide(command, state);
    if (isRejection(decision)) continue;
    state = decision.reduce(decider.evolve, state);
    events.push(...decision);
    const again = decider.decide(command, state);
    expect({ command, again: isRejection(again) ? [] : again }).toEqual({ command, again: [] });
  }
  return events;
}
