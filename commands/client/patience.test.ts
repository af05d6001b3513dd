import { beforeEach, describe, expect, it } from 'vitest';
import { ASSISTANT } from '../../domain/decider.js';
import { clientId } from '../../domain/testing.js';
import { memoryChannel } from '../channel/memory.js';
import { type Answer, type Command, type CommandChannel, Refused } from '../command.js';
import type { Keys } from '../keys/keys.js';
import type { Wait } from '../wait.js';
import { HOME, PARTITIONS, T0, random } from '../worker/testing.js';
import { backOff } from '../backoff.js';
import { type CommandClient, type Sent, createClient } from './client.js';
import type { Most } from './crowd.js';
import { answer, markRead, never } from './testing.js';

/** A clock that goes from timer to timer, and does nothing in between. */
function virtualClock() {
  let now = T0;
  const timers = new Set<{ readonly at: number; readonly ring: () => void }>();
  const wait: Wait = (ms, signal) =>
    new Promise((resolve) => {
      const ring = (): void => {
        timers.delete(timer);
        signal?.removeEventListener('abort', ring);
        resolve();
      };
      const timer = { at: now + ms, ring };
      if (signal?.aborted) return resolve();
      signal?.addEventListener('abort', ring);
      timers.add(timer);
    });
  const until = async (time: number): Promise<void> => {
    for (;;) {
      // Promises may take some turns before they set the next timer.
      for (let turns = 0; turns < 20; turns++) await Promise.resolve();
      const next = Math.min(...[...timers].map(({ at }) => at));
      if (next > time) break;
      now = Math.max(now, next);
      for (const { at, ring } of timers) if (at <= now) ring();
    }
    now = time;
  };
  return { now: () => now, wait, until, timers };
}

const noKeys: Keys = {
  ensure: () => Promise.reject(new Error('no key is asked for')),
  find: async () => new Map(),
  destroy: async () => undefined,
  close: async () => undefined,
};

const away = (): Promise<never> => Promise.reject(new Refused('UNAVAILABLE', 'Nobody is there.'));

let clock: ReturnType<typeof virtualClock>;
let tries: { readonly at: number; readonly command: Command }[];
beforeEach(() => {
  clock = virtualClock();
  tries = [];
});

/** A client whose commands go to `submit`. */
function clientTo(submit: CommandChannel['submit'], most?: Most): CommandClient {
  const watched: CommandChannel['submit'] = (partition, command, bytes) => {
    tries.push({ at: clock.now() - T0, command });
    return submit(partition, command, bytes);
  };
  const { now, wait } = clock;
  const options = { channel: { submit: watched }, keys: noKeys, partitions: PARTITIONS, now, random, wait };
  return createClient(most ? { ...options, most } : options);
}

/** What is said by a time, if anything is. */
async function by(ms: number, sent: Promise<Sent>): Promise<Sent | undefined> {
  let said: Sent | undefined;
  void sent.then((one) => (said = one));
  await clock.until(T0 + ms);
  return said;
}

describe('a command that is refused because nobody is there', () => {
  it('is sent again, the very same, until somebody is', async () => {
    const client = clientTo(() => (tries.length < 4 ? away() : Promise.resolve(answer)));
    expect(await by(9_999, client.send(markRead()))).toEqual(answer);
    expect(tries).toHaveLength(4);
    expect(new Set(tries.map(({ command }) => command)).size).toBe(1);
  });

  it('is sent after waits that grow, until its patience ends; the refusal stands then, for nothing is under way', async () => {
    const client = clientTo(away);
    const sent = client.send(markRead());
    expect(await by(9_999, sent)).toBeUndefined();
    expect(await by(10_000, sent)).toEqual({ status: 'rejected', code: 'UNAVAILABLE', message: 'Nobody is there.' });
    const pauses = tries.slice(1).map(({ at }, n) => at - (tries[n]?.at ?? 0));
    for (const [n, pause] of pauses.entries()) {
      const even = Math.min(5_000, 50 * 2 ** n);
      expect(pause).toBeGreaterThanOrEqual(even / 2);
      expect(pause).toBeLessThanOrEqual(even * 1.5);
    }
    const before = tries.length;
    await clock.until(T0 + 100_000);
    expect(tries).toHaveLength(before);
    expect(clock.timers.size).toBe(0);
  });

  it('is pending where its last word was none: it may still be done', async () => {
    const client = clientTo(() => (tries.length < 3 ? away() : never()));
    const draft = markRead();
    expect(await by(10_000, client.send(draft))).toEqual({ status: 'pending', command: draft.id });
    expect(tries).toHaveLength(3);
  });

  it('is not sent again where it was answered otherwise', async () => {
    const client = clientTo(() => Promise.reject(new Refused('EXPIRED', 'Too late.')));
    expect(await by(10_000, client.send(markRead()))).toMatchObject({ code: 'EXPIRED' });
    expect(tries).toHaveLength(1);
  });
});

describe('the owner is away for minutes, and people go on', () => {
  const SECONDS = 120;
  const PEOPLE = 10;
  const most: Most = { all: 150, actor: 20 };

  /** Everybody tries something new four times a second, whether or not the last was answered. */
  async function goOn(submit: CommandChannel['submit']): Promise<readonly Sent[]> {
    const client = clientTo(submit, most);
    const said: Sent[] = [];
    for (let at = 0; at < SECONDS * 1_000; at += 250) {
      await clock.until(T0 + at);
      for (let n = 0; n < PEOPLE; n++) {
        void client.send(markRead({ actor: clientId(200 + n, 0x500) })).then((one) => said.push(one));
      }
    }
    await clock.until(T0 + (SECONDS + 10) * 1_000);
    return said;
  }

  const counts = (keys: readonly unknown[]): readonly number[] => {
    const found = new Map<unknown, number>();
    for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1);
    return [...found.values()];
  };

  it('no command is sent more than ten times, and retries do not feed on themselves', async () => {
    const said = await goOn(away);
    expect(said).toHaveLength(SECONDS * 4 * PEOPLE);
    expect(new Set(said.map((one) => one.status === 'rejected' && one.code))).toEqual(new Set(['UNAVAILABLE']));
    expect(Math.max(...counts(tries.map(({ command }) => command.id)))).toBeLessThanOrEqual(10);
    // A place is free after ten seconds: so many come in, at the most, and each is sent ten times. The rest costs nothing.
    expect(tries.length).toBeLessThanOrEqual(most.all * (SECONDS / 10 + 1) * 10);
    const perSecond = counts(tries.map(({ at }) => Math.floor(at / 1_000)));
    const [early, late] = [perSecond.slice(0, 60), perSecond.slice(-60)].map((some) => Math.max(...some));
    expect(late).toBeLessThanOrEqual((early ?? 0) * 1.3);
  });

  it('a command that is not answered is sent once: it waits already', async () => {
    const channel = memoryChannel({ partitions: PARTITIONS, capacity: 100 });
    const said = await goOn(channel.submit);
    const waiting = await channel.take(HOME, 1_000, AbortSignal.abort());
    expect(said.filter(({ status }) => status === 'pending')).toHaveLength(waiting.length);
    expect(new Set(waiting.map(({ command }) => command.id)).size).toBe(100);
  });
});

describe('what is under way', () => {
  it('has a bound for each person, beyond which one is told at once, and a place is free with the answer', async () => {
    const answers: ((answer: Answer) => void)[] = [];
    const client = clientTo(() => new Promise((resolve) => answers.push(resolve)), { all: 10, actor: 2 });
    const first = client.send(markRead());
    const second = client.send(markRead());
    expect(await by(0, client.send(markRead()))).toEqual({
      status: 'rejected',
      code: 'UNAVAILABLE',
      message: 'You have 2 commands under way. Wait for their answers, then send it again.',
    });
    void client.send(markRead({ actor: clientId(3, 0x500) }));
    await clock.until(T0);
    expect(tries).toHaveLength(3);
    answers[0]?.(answer);
    expect(await first).toEqual(answer);
    void client.send(markRead());
    await clock.until(T0);
    expect(tries).toHaveLength(4);
    expect(await by(10_000, second)).toMatchObject({ status: 'pending' });
  });

  it('has a bound for all together; the house itself has no other', async () => {
    const client = clientTo(never, { all: 4, actor: 1 });
    for (let n = 0; n < 4; n++) void client.send(markRead({ actor: ASSISTANT }));
    await clock.until(T0);
    expect(tries).toHaveLength(4);
    expect(await by(0, client.send(markRead()))).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('too many commands under way'),
    });
    // When their patience is over there is room again.
    await clock.until(T0 + 10_000);
    void client.send(markRead());
    await clock.until(T0 + 10_000);
    expect(tries).toHaveLength(5);
  });

  it('leaves a place where sending fails', async () => {
    const client = clientTo(() => Promise.reject(new TypeError('a fault')), { all: 1, actor: 1 });
    await expect(client.send(markRead())).rejects.toThrow('a fault');
    await expect(client.send(markRead())).rejects.toThrow('a fault');
  });
});

describe('the timers of those who wait', () => {
  it('are one for all whose patience ends at about the same moment, and none when all are answered', async () => {
    const answers: ((answer: Answer) => void)[] = [];
    const client = clientTo(() => new Promise((resolve) => answers.push(resolve)));
    const sent = Array.from({ length: 50 }, () => client.send(markRead()));
    await clock.until(T0 + 1);
    expect(clock.timers.size).toBe(1);
    for (const say of answers) say(answer);
    expect(await Promise.all(sent)).toEqual(sent.map(() => answer));
    expect(clock.timers.size).toBe(0);
  });

  it('hold for those who still wait, to the end and not before, when others have left', async () => {
    const client = clientTo(() => (tries.length === 1 ? Promise.resolve(answer) : never()));
    const [first, second] = [client.send(markRead({ patience: 250 })), client.send(markRead({ patience: 250 }))];
    expect(await by(249, second)).toBeUndefined();
    expect(await first).toEqual(answer);
    expect(await by(350, second)).toMatchObject({ status: 'pending' });
    expect(clock.timers.size).toBe(0);
    // The same moment comes no second time, but who begins anew has a timer again.
    expect(await by(1_000, client.send(markRead({ patience: 100 })))).toMatchObject({ status: 'pending' });
  });
});

describe('a wait', () => {
  it('doubles up to the longest, and is half to one and a half of that', () => {
    const bytes = (value: number) => () => Uint8Array.of(value);
    expect([1, 2, 3, 20, 5_000].map((times) => backOff(times, bytes(0)))).toEqual([25, 50, 100, 2_500, 2_500]);
    expect([1, 2, 3, 20].map((times) => backOff(times, bytes(255)))).toEqual([75, 150, 300, 7_500]);
    expect(backOff(2, bytes(255), { first: 10, longest: 15 })).toBe(22.5);
  });
});
