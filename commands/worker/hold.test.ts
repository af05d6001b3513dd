import { describe, expect, it } from 'vitest';
import { type Answer, type Hold, type Incoming, NotHeld, Refused } from '../command.js';
import type { Log } from '../log/log.js';
import { entries, faulty, history, lost, markRead, openLog, ownerOf } from './testing.js';

// In the fleet a partition is held by a process for as long as the group says so. An owner asks before it takes over.

const gone: Hold = () => Promise.reject(new NotHeld('it has gone elsewhere'));
const held: Hold = async () => undefined;

/** Commands on their way, and what was said of each. */
function incoming(...seqs: readonly number[]) {
  const said: (Answer | Refused)[] = [];
  const items = seqs.map((seq): Incoming => ({
    command: markRead(1, seq),
    answer: (answer) => void said.push(answer),
    refuse: (refusal) => void said.push(refusal),
  }));
  return { items, said };
}

const takeovers = async (log: Log): Promise<number> =>
  (await entries(log)).filter(({ kind }) => kind === 'takeover').length;

describe('an owner', () => {
  it('writes no takeover where its partition is not held, and tells nobody anything', async () => {
    const log = openLog();
    const { items, said } = incoming(1, 2);
    await expect(ownerOf(log).process(items, gone)).rejects.toBeInstanceOf(NotHeld);
    await expect(ownerOf(log).resume(gone)).rejects.toBeInstanceOf(NotHeld);
    expect(said).toEqual([]);
    expect(await takeovers(log)).toBe(0);
  });

  it('asks before each takeover', async () => {
    const log = openLog();
    let asked = 0;
    const { items, said } = incoming(1);
    const bad = faulty(log, [lost, lost, undefined]);
    await ownerOf(bad).process(items, async () => void (asked += 1));
    expect(said).toHaveLength(1);
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(await takeovers(log)).toBe(1);
  });

  it('that was deposed takes over again where it is held, else leaves what it has to whoever has the partition', async () => {
    const log = openLog();
    const [first, second] = [ownerOf(log), ownerOf(log)];
    await first.process(incoming(1).items, held);
    await second.process(incoming(2).items, held);
    const stray = incoming(3);
    await expect(first.process(stray.items, gone)).rejects.toBeInstanceOf(NotHeld);
    expect(stray.said).toEqual([]);
    // The one that has it was not disturbed by that.
    await second.process(incoming(4).items, held);
    expect(await takeovers(log)).toBe(2);
    const back = incoming(5);
    await first.process(back.items, held);
    expect(back.said).toMatchObject([{ status: 'accepted', version: 4 }]);
    expect(await takeovers(log)).toBe(3);
    expect((await history(log)).events).toHaveLength(4);
  });

  it('says nothing of what it has sent and nobody knows of', async () => {
    const log = openLog();
    const owner = ownerOf(faulty(log, [undefined, lost]));
    let asked = 0;
    const { items, said } = incoming(1);
    // It is held when it takes over first, and not when it would have to again.
    const hold: Hold = () => (asked++ < 2 ? held() : gone());
    await expect(owner.process(items, hold)).rejects.toBeInstanceOf(NotHeld);
    expect(said).toEqual([]);
  });
});
