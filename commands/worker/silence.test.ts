import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Answer, Refused } from '../command.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import { storeBench, tight } from './testing-store.js';
import { HOME, ask, entries, history, markRead } from './testing.js';

const { bench, owning, takeovers } = storeBench();

describe('a store that does not answer', () => {
  const silent =
    (times: () => boolean) =>
    (real: Snapshots): Partial<Snapshots> => ({
      load: (...args) => (times() ? Promise.reject(new Error('no answer')) : real.load(...args)),
      flush: (...args) => (times() ? Promise.reject(new Error('no answer')) : real.flush(...args)),
    });

  it('leaves commands unavailable, writes nothing of them, and they may come again', async () => {
    let off = false;
    const { owner } = owning(
      tight,
      silent(() => off),
    );
    await ask(owner, markRead(1, 1));
    const end = await bench.log.end(HOME);
    off = true;
    const command = markRead(2, 1);
    const [refusal] = await ask(owner, command);
    expect(refusal).toBeInstanceOf(Refused);
    expect(refusal).toMatchObject({ code: 'UNAVAILABLE' });
    expect(await bench.log.end(HOME)).toBe(end);
    off = false;
    expect(await ask(owner, command)).toMatchObject([{ status: 'accepted' }]);
  });

  it('lets memory grow to its limit and no further', async () => {
    let off = false;
    const flushOnly = (real: Snapshots): Partial<Snapshots> => ({
      flush: (...args) => (off ? Promise.reject(new Error('no answer')) : real.flush(...args)),
    });
    const { owner, troubles } = owning({ room: 1e9, flush: 2_000, full: 10_000 }, flushOnly);
    off = true;
    const answers: (Answer | Refused | undefined)[] = [];
    for (let n = 0; n < 40; n++) answers.push(...(await ask(owner, markRead(n, 1))));
    const refused = answers.filter((answer) => answer instanceof Refused);
    expect(refused.length).toBeGreaterThan(5);
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['UNAVAILABLE']));
    expect((await history(bench.log)).outcomes).toHaveLength(answers.length - refused.length);
    expect(troubles).toContainEqual(expect.objectContaining({ code: 'SNAPSHOTS_SILENT' }));
    off = false;
    // One that was under way may still fail.
    await owner.flush().catch(() => undefined);
    await owner.flush();
    expect(await ask(owner, markRead(99, 1))).toMatchObject([{ status: 'accepted' }]);
  });

  it('does not make a landed command a refused one', async () => {
    let off = false;
    const { owner } = owning(
      tight,
      silent(() => off),
    );
    await ask(owner, markRead(1, 1));
    // The void record lies in its way, so that it reads where its batch went; meanwhile the store falls silent.
    await bench.log.append(
      HOME,
      [(await entries(bench.log)).at(-1)].flatMap((entry) => (entry ? [entry] : [])),
    );
    const append = bench.log.append.bind(bench.log);
    const command = markRead(1, 2);
    bench.log.append = async (...args) => {
      off = true;
      return append(...args);
    };
    const [answer] = await ask(owner, command);
    expect(answer === undefined || !(answer instanceof Refused)).toBe(true);
    off = false;
    expect(await ask(owner, command)).toMatchObject([{ status: 'accepted', version: 2 }]);
  });
});

describe('a store that hangs', () => {
  const never = (): Promise<never> => new Promise(() => undefined);

  /** Five seconds are over in a few turns; who answers at once is faster. */
  const wait = async (): Promise<void> => {
    for (let turns = 0; turns < 3; turns++) await turn();
  };

  it('is one that does not answer: a flush ends, and commands are decided on', async () => {
    const { owner } = owning(tight, () => ({ flush: never }), { wait });
    await ask(owner, markRead(1, 1));
    const flushed = owner.flush();
    const during = ask(owner, markRead(1, 2));
    await expect(flushed).rejects.toMatchObject({ code: 'SNAPSHOTS_SILENT' });
    expect(await during).toMatchObject([{ version: 2 }]);
    await expect(owner.flush()).rejects.toMatchObject({ code: 'SNAPSHOTS_SILENT' });
  });

  it('lets memory grow to its limit, and commands are refused in time from then on', async () => {
    let off = true;
    const limits = { room: 1e9, flush: 2_000, full: 10_000 };
    const { owner } = owning(limits, (real) => ({ flush: (...args) => (off ? never() : real.flush(...args)) }), {
      wait,
    });
    const answers: (Answer | Refused | undefined)[] = [];
    for (let n = 0; n < 30; n++) answers.push(...(await ask(owner, markRead(n, 1))));
    expect(answers).not.toContain(undefined);
    const refused = answers.filter((answer) => answer instanceof Refused);
    expect(refused.length).toBeGreaterThan(5);
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['UNAVAILABLE']));
    off = false;
    await owner.flush().catch(() => undefined);
    await owner.flush();
    expect(await ask(owner, markRead(99, 1))).toMatchObject([{ status: 'accepted' }]);
  });

  it('leaves commands unavailable where it is asked, at a takeover too', async () => {
    let off = true;
    const { owner, troubles } = owning(tight, (real) => ({ load: (...args) => (off ? never() : real.load(...args)) }), {
      wait,
    });
    const command = markRead(1, 1);
    expect(await ask(owner, command)).toMatchObject([{ code: 'UNAVAILABLE' }]);
    expect(await takeovers()).toBe(0);
    off = false;
    expect(await ask(owner, command)).toMatchObject([{ version: 1 }]);
    off = true;
    expect(await ask(owner, markRead(1, 2))).toMatchObject([{ code: 'UNAVAILABLE' }]);
    await expect(owner.outcome({ actor: command.actor, id: markRead(1, 1).id })).rejects.toMatchObject({
      code: 'SNAPSHOTS_SILENT',
    });
    expect(troubles).toContainEqual(expect.objectContaining({ code: 'SNAPSHOTS_SILENT' }));
  });

  it('and takes what it was given after all, when nobody expects it: one takes over again, and no word is lost', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let late: Promise<boolean> | undefined;
    const { owner, troubles } = owning(
      tight,
      (real) => ({ flush: (...args) => (late ??= gate.then(() => real.flush(...args))) }),
      { wait },
    );
    const command = markRead(1, 1);
    const [answer] = await ask(owner, command);
    await expect(owner.flush()).rejects.toMatchObject({ code: 'SNAPSHOTS_SILENT' });
    await ask(owner, markRead(1, 2), markRead(2, 1));
    release();
    expect(await late).toBe(true);
    expect(await ask(owner, command, markRead(1, 3), markRead(2, 2))).toMatchObject([
      answer ?? {},
      { version: 3 },
      { version: 2 },
    ]);
    expect(troubles).toContainEqual(expect.objectContaining({ code: 'SNAPSHOTS_MOVED' }));
    expect(await takeovers()).toBe(2);
    expect((await history(bench.log)).outcomes).toHaveLength(5);
  });
});
