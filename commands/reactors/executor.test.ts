import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { clientId } from '../../domain/testing.js';
import { type Keepers, type Run, startExecutor } from './executor.js';
import type { Change, ExpiryObligation, MembershipObligation, Obligations, TitleObligation } from './reactor.js';

const position = { partition: 0, offset: 1 };
const expiry = (n: number): ExpiryObligation => ({
  kind: 'expiry',
  id: clientId(n),
  conversation: clientId(n),
  expires: '2026-01-01T00:00:00Z',
  position,
});
const membership = (source: number): MembershipObligation => ({
  kind: 'membership',
  id: clientId(1),
  conversation: clientId(2),
  user: clientId(3),
  role: 'reader',
  by: clientId(4),
  source,
  position,
});
const title = (attempt: number): TitleObligation => ({
  kind: 'title',
  id: clientId(1),
  conversation: clientId(2),
  reply: clientId(3),
  key: 'user-ana',
  attempt,
  executor: attempt === 0 ? null : other,
  position,
});

const [self, other, third] = [clientId(8), clientId(9), clientId(10)];

/** An executor over obligations that the test tells, and what it was told of and waited for; `alive` are the others. */
async function open(keepers: Keepers, ...standing: readonly Change[]) {
  const alive = new Set<string>();
  const lives = { ask: async (id: string): Promise<boolean> => alive.has(id) };
  const listeners = new Set<(change: Change) => void>();
  const obligations: Obligations = {
    watch: async (listener) => {
      for (const each of standing) listener(each);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const failures: unknown[] = [];
  const waits: number[] = [];
  const executor = await startExecutor({
    obligations,
    keepers,
    executor: self,
    lives: (id) => lives.ask(id),
    wait: async (ms) => {
      waits.push(ms);
      await turn();
    },
    onFailure: (error) => failures.push(error),
  });
  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change);
  };
  return { ...executor, tell, failures, waits, listeners, alive, lives };
}

/** A keeper whose turns end when the test says so. */
function patient() {
  const runs: { run: Run; end: () => void }[] = [];
  const keep = (_: unknown, run: Run): Promise<void> =>
    new Promise((end) => {
      runs.push({ run, end });
    });
  return { atOnce: 9, keep, runs, turns: () => runs.map(({ run }) => run.turn) };
}

const passed = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await turn();
};

describe('the executor', () => {
  it('tries again what throws, more and more seldom', async () => {
    let tries = 0;
    const keep = async (): Promise<void> => {
      if (++tries < 13) throw new Error('not yet');
      tell({ ended: clientId(1) });
    };
    const { stop, tell, failures, waits } = await open({ expiry: { atOnce: 1, keep } });
    tell(expiry(1));
    await expect.poll(() => tries).toBe(13);
    expect(failures).toHaveLength(12);
    expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(waits.slice(-2)).toEqual([60_000, 60_000]);
    await stop();
  });

  it('does not try again what has ended meanwhile', async () => {
    let tries = 0;
    const keep = async (): Promise<void> => {
      tries += 1;
      tell({ ended: clientId(1) });
      throw new Error('too late');
    };
    const { stop, tell, failures } = await open({ expiry: { atOnce: 1, keep } });
    tell(expiry(1));
    await passed();
    expect(tries).toBe(1);
    expect(failures).toHaveLength(1);
    await stop();
  });

  it('keeps so many of a kind at once, and gives no place to what is not due', async () => {
    const keeper = patient();
    const due = async ({ id }: ExpiryObligation, signal: AbortSignal): Promise<void> => {
      if (id !== clientId(1)) return;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    const { stop } = await open({ expiry: { ...keeper, atOnce: 2, due } }, ...[1, 2, 3, 4].map(expiry));
    await passed();
    expect(keeper.runs).toHaveLength(2);
    keeper.runs[0]?.end();
    await passed();
    expect(keeper.runs).toHaveLength(3);
    for (const { end } of keeper.runs) end();
    const stopping = stop();
    await passed();
    for (const { end } of keeper.runs) end();
    await stopping;
  });

  it('takes one turn at a time at each: what overtakes it comes after it', async () => {
    const keeper = patient();
    const { stop, tell } = await open({ membership: keeper }, membership(4));
    await passed();
    tell(membership(5));
    tell(membership(7));
    await passed();
    expect(keeper.turns()).toEqual([4]);
    expect(keeper.runs[0]?.run.gone.aborted).toBe(true);
    keeper.runs[0]?.end();
    await passed();
    expect(keeper.turns()).toEqual([4, 7]);
    // It ends while it is kept: nothing follows.
    tell(membership(9));
    tell({ ended: clientId(1) });
    keeper.runs[1]?.end();
    await passed();
    expect(keeper.turns()).toEqual([4, 7]);
    expect(keeper.runs[1]?.run.ended.aborted).toBe(true);
    await stop();
  });

  it('takes another turn where a keeper asks for one, but not once it has ended', async () => {
    const keeper = patient();
    const { stop, tell } = await open({ title: keeper }, title(0));
    await passed();
    tell(title(1));
    keeper.runs[0]?.run.again(title(1));
    keeper.runs[0]?.end();
    await passed();
    expect(keeper.turns()).toEqual([1, 2]);
    expect(keeper.runs[0]?.run.gone.aborted).toBe(false);
    tell({ ended: clientId(1) });
    keeper.runs[1]?.run.again(title(2));
    keeper.runs[1]?.end();
    await passed();
    expect(keeper.turns()).toEqual([1, 2]);
    await stop();
  });

  it('takes over what was begun by who is gone, and leaves to who lives what they have begun, while they do', async () => {
    const keeper = patient();
    const { stop, tell, alive } = await open({ title: keeper }, title(1));
    await passed();
    expect(keeper.turns()).toEqual([2]);
    tell({ ended: clientId(1) });
    keeper.runs[0]?.end();
    await passed();
    alive.add(other);
    tell(title(1));
    await passed();
    expect(keeper.turns()).toEqual([2]);
    alive.delete(other);
    await passed();
    expect(keeper.turns()).toEqual([2, 2]);
    const stopping = stop();
    keeper.runs[1]?.end();
    await stopping;
  });

  it('rests after a turn that came to nothing, until what it found can be seen', async () => {
    let turns = 0;
    // Turns without a rest in between would leave no time in which that is seen, so they are bounded here.
    const keep = (): Promise<void> => (++turns < 4 ? Promise.resolve() : new Promise((end) => ends.push(end)));
    const ends: (() => void)[] = [];
    const { stop, waits } = await open({ title: { atOnce: 1, keep } }, title(1));
    await expect.poll(() => turns).toBe(4);
    expect(waits).toEqual([5_000, 5_000, 5_000]);
    const stopping = stop();
    for (const end of ends) end();
    await stopping;
  });

  it('leaves nothing for ever to who lives and does not end it', async () => {
    const keeper = patient();
    const { stop, tell, alive, waits } = await open({ title: keeper });
    alive.add(other);
    tell(title(1));
    await expect.poll(() => keeper.turns()).toEqual([2]);
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(30 * 60_000);
    const stopping = stop();
    keeper.runs[0]?.end();
    await stopping;
  });

  it('leaves it to who has taken it while it was asked whether the one before lives', async () => {
    const keeper = patient();
    const { stop, tell, alive, lives } = await open({ title: keeper });
    const answers: ((isAlive: boolean) => void)[] = [];
    lives.ask = () => new Promise((answer) => answers.push(answer));
    tell(title(1));
    await passed();
    lives.ask = async (id) => alive.has(id);
    alive.add(third);
    tell({ ...title(2), executor: third });
    for (const answer of answers) answer(false);
    await passed();
    expect(keeper.turns()).toEqual([]);
    await stop();
  });

  it('gives each who takes it the same time', async () => {
    const keeper = patient();
    const { stop, tell, alive, waits } = await open({ title: keeper });
    const waited = (): number => waits.reduce((sum, ms) => sum + ms, 0);
    alive.add(other).add(third);
    tell(title(1));
    const almost = 29 * 60_000;
    while (waited() < almost) await turn();
    const before = waited();
    tell({ ...title(2), executor: third });
    await expect.poll(() => keeper.turns()).toEqual([3]);
    expect(waited() - before).toBeGreaterThanOrEqual(30 * 60_000);
    const stopping = stop();
    keeper.runs[0]?.end();
    await stopping;
  });

  it('takes no one for dead of whom it cannot tell', async () => {
    const keeper = patient();
    const { stop, tell, alive, failures } = await open({ title: keeper });
    alive.has = () => {
      throw new Error('nobody can tell');
    };
    tell(title(1));
    await passed();
    expect(keeper.turns()).toEqual([]);
    expect(failures.length).toBeGreaterThan(0);
    await stop();
  });

  it('begins nothing once it stops, waits for what runs, and listens no more', async () => {
    const keeper = patient();
    const { stop, tell, listeners } = await open({ membership: keeper }, membership(4));
    await passed();
    tell(membership(5));
    let stopped = false;
    const stopping = stop().then(() => (stopped = true));
    await passed();
    expect(stopped).toBe(false);
    expect(keeper.runs[0]?.run.gone.aborted).toBe(true);
    keeper.runs[0]?.end();
    await stopping;
    expect(keeper.turns()).toEqual([4]);
    expect(listeners.size).toBe(0);
  });

  it('has nothing to do with kinds that it has no keeper for', async () => {
    const keeper = patient();
    const { stop } = await open({ membership: keeper }, expiry(7), title(0));
    await passed();
    expect(keeper.runs).toEqual([]);
    await stop();
  });
});
