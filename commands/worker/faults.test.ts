import { beforeEach, describe, expect, it } from 'vitest';
import type { Entry, Log } from '../log/log.js';
import {
  type Clock,
  type Fault,
  HOME,
  Lost,
  T0,
  ask,
  doubled,
  entries,
  faulty,
  history,
  late,
  lost,
  markRead,
  openLog,
  ownerOf,
  unanswered,
} from './testing.js';

// Appends get lost, come late, come twice; owners are deposed without knowing it. Whatever happens: what is answered is in
// the log once, under the position that the answer names.

let clock: Clock;
let log: Log;

beforeEach(() => {
  clock = { now: T0 };
  log = openLog();
});

const takeovers = async (): Promise<number> => (await entries(log)).filter(({ kind }) => kind === 'takeover').length;

/** Every record of the partition, void ones too. */
const everything = async (): Promise<number> => (await log.end(HOME)) - 1;

const versions = async (): Promise<readonly number[]> => (await history(log)).events.map(({ version }) => version);

/** An owner that has its partition, and whose next appends go wrong. */
async function owning(...faults: (Fault | undefined)[]) {
  const owner = ownerOf(faulty(log, [undefined, ...faults]), { clock });
  await owner.takeOver();
  return owner;
}

/** The log, with a note of every batch that is sent to it. */
const watched = (sent: (readonly Entry[])[]): Log => ({
  ...log,
  append: (partition, batch) => {
    sent.push(batch);
    return log.append(partition, batch);
  },
});

describe('an append of unknown result', () => {
  it('that was lost is decided anew in a new term', async () => {
    const owner = await owning(lost);
    const command = markRead(1, 1);
    expect(await ask(owner, command)).toMatchObject([{ status: 'accepted', version: 1, events: 1 }]);
    expect(await versions()).toEqual([1]);
    expect(await takeovers()).toBe(2);
  });

  it('that landed is found behind the new term’s barrier, answered from the log and not done again', async () => {
    const owner = await owning(unanswered);
    const command = markRead(1, 1);
    const [answer] = await ask(owner, command);
    expect(answer).toMatchObject({ status: 'accepted', version: 1, events: 1 });
    expect(await versions()).toEqual([1]);
    // The position is that of the batch, not of the takeover behind it.
    expect(answer).toMatchObject({ position: { offset: 3 } });
    expect(await ask(ownerOf(log, { clock }), command)).toEqual([answer]);
  });

  it('that appears before the new term counts: reading alone could not have told', async () => {
    const hanging = late();
    // The broker wakes up just as the takeover is sent.
    const owner = await owning(hanging.fault, async (write) => {
      await hanging.release();
      return write();
    });
    const [answer] = await ask(owner, markRead(1, 1));
    expect(answer).toMatchObject({ status: 'accepted', version: 1, position: { offset: 3 } });
    expect(await versions()).toEqual([1]);
  });

  it('that appears after the new term is void', async () => {
    const hanging = late();
    const owner = await owning(hanging.fault);
    const command = markRead(1, 1);
    const [answer] = await ask(owner, command);
    const before = await versions();
    await hanging.release();
    expect(await versions()).toEqual(before);
    // The void record lies in the owner's way, and is passed over.
    expect(await ask(owner, markRead(1, 2))).toMatchObject([{ version: 2 }]);
    expect(await takeovers()).toBe(2);
    expect(await ask(ownerOf(log, { clock }), command)).toEqual([answer]);
  });

  it('of a takeover leads to another takeover, and a late one deposes nobody', async () => {
    const hanging = late();
    const owner = ownerOf(faulty(log, [hanging.fault, unanswered, undefined]), { clock });
    await owner.takeOver();
    await hanging.release();
    expect(await ask(owner, markRead(1, 1))).toMatchObject([{ version: 1 }]);
    expect(await everything()).toBe(4);
    expect(await takeovers()).toBe(2);
  });

  it('keeps what was on its way in order', async () => {
    const owner = await owning(lost, unanswered, undefined, lost);
    const commands = Array.from({ length: 20 }, (_, n) => markRead(1, n + 1));
    const answers = await ask(owner, ...commands);
    expect(answers).toMatchObject(commands.map((_, n) => ({ status: 'accepted', version: n + 1, events: 1 })));
  });

  it('is decided anew only until the deadline', async () => {
    const owner = await owning(async () => {
      clock.now += 10_000;
      throw new Error('it took too long');
    });
    expect(await ask(owner, markRead(1, 1))).toMatchObject([{ code: 'EXPIRED' }]);
    expect(await history(log)).toEqual({ events: [], outcomes: [] });
  });
});

describe('a log that cannot be written', () => {
  const broken = Array.from({ length: 40 }, () => lost);

  it('leaves commands unavailable that were never on their way', async () => {
    const owner = ownerOf(faulty(log, [...broken]), { clock });
    expect(await ask(owner, markRead(1, 1))).toMatchObject([{ code: 'UNAVAILABLE' }]);
  });

  it('leaves unanswered what may still appear, when it comes again too, for a refusal would promise that it does not', async () => {
    const hanging = late();
    const owner = await owning(hanging.fault, ...broken);
    const command = markRead(1, 1);
    expect(await ask(owner, command)).toEqual([undefined]);
    expect(await ask(owner, command, markRead(2, 1))).toMatchObject([undefined, { code: 'UNAVAILABLE' }]);
    await hanging.release();
    // Another owner finds it in the log.
    expect(await ask(ownerOf(log, { clock }), command)).toMatchObject([
      { status: 'accepted', position: { offset: 3 } },
    ]);
    expect(await versions()).toEqual([1]);
  });

  it('leaves unavailable what no log takes, which is known not to be in, and goes on', async () => {
    const troubles: unknown[] = [];
    const why = Object.assign(new Error('beyond what the broker takes'), { code: 'KAFKA_TOO_LARGE' });
    const faults = [undefined, lost, undefined, undefined, () => Promise.reject(why)];
    const owner = ownerOf(faulty(log, faults), { clock, onTrouble: (error) => troubles.push(error) });
    expect(await ask(owner, markRead(1, 1))).toMatchObject([{ status: 'accepted' }]);
    // What became of the first batch was not known, and why is told.
    expect(troubles).toEqual([expect.any(Lost)]);
    const command = markRead(2, 1);
    expect(await ask(owner, command)).toMatchObject([{ code: 'UNAVAILABLE' }]);
    expect(troubles.slice(1)).toMatchObject([{ code: 'UNOWNED', cause: why }]);
    expect(await ask(owner, command)).toMatchObject([{ status: 'accepted', version: 1 }]);
    expect(await takeovers()).toBe(2);
  });

  it('is written again by the same owner as soon as that works', async () => {
    const owner = ownerOf(faulty(log, broken.slice(0, 8)), { clock });
    const command = markRead(1, 1);
    expect(await ask(owner, command)).toMatchObject([{ code: 'UNAVAILABLE' }]);
    expect(await ask(owner, command)).toMatchObject([{ status: 'accepted' }]);
  });
});

describe('an append at another offset than expected', () => {
  it('because it was written twice is answered once, with the place of the first', async () => {
    const owner = await owning(doubled);
    const command = markRead(1, 1);
    const [answer] = await ask(owner, command);
    expect(answer).toMatchObject({ status: 'accepted', position: { offset: 3 } });
    expect(await versions()).toEqual([1]);
    expect(await takeovers()).toBe(1);
    expect(await ask(owner, markRead(1, 2))).toMatchObject([{ version: 2 }]);
    expect(await ask(ownerOf(log, { clock }), command)).toEqual([answer]);
  });

  it('because of void records before it has landed: no new term, nothing decided twice', async () => {
    const sent: (readonly Entry[])[] = [];
    await ask(ownerOf(watched(sent), { clock }), markRead(1, 1));
    const owner = await owning();
    // A batch of the owner before, once more.
    await log.append(HOME, sent.at(-1) ?? []);
    expect(await ask(owner, markRead(1, 2))).toMatchObject([{ version: 2, events: 1, position: { offset: 6 } }]);
    expect(await takeovers()).toBe(2);
    expect(await versions()).toEqual([1, 2]);
  });

  it('because of another owner is void, and its commands are decided anew', async () => {
    const first = await owning();
    const second = await owning();
    await ask(second, markRead(1, 5));
    const [answer] = await ask(first, markRead(1, 3));
    // On what it knew, seq 3 was news; on what is so, it is not.
    expect(answer).toMatchObject({ status: 'accepted', version: 1, events: 0 });
    expect(await takeovers()).toBe(3);
    expect(await everything()).toBe(6);
  });

  it('because the log has lost data stops the owner', async () => {
    const owner = await owning();
    await ask(owner, markRead(1, 1));
    const emptied = ownerOf({ ...log, append: async () => 0 }, { clock });
    await expect(emptied.takeOver()).rejects.toThrow(/another owner/);
    const shrunk = { ...log };
    const cut = ownerOf(shrunk, { clock });
    await cut.takeOver();
    shrunk.append = async () => 1;
    await expect(ask(cut, markRead(1, 2))).rejects.toThrow(/lost data/);
  });
});

describe('two owners of one partition', () => {
  it('depose each other, and each command is done once and in order', async () => {
    const [first, second] = [await owning(), await owning()];
    for (let seq = 1; seq <= 20; seq++) {
      const [answer] = await ask(seq % 2 === 1 ? first : second, markRead(1, seq));
      expect(answer).toMatchObject({ status: 'accepted', version: seq, events: 1 });
    }
    expect(await versions()).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  it('answer the same to the same command', async () => {
    const [first, second] = [await owning(), await owning()];
    const command = markRead(1, 1);
    const [answer] = await ask(second, command);
    expect(await ask(first, command)).toEqual([answer]);
    expect((await history(log)).outcomes).toHaveLength(1);
  });

  it('may both be at it at once', async () => {
    const [first, second] = [await owning(), await owning()];
    const commands = Array.from({ length: 10 }, (_, n) => markRead(1, n + 1));
    const [a, b] = await Promise.all([ask(first, ...commands), ask(second, ...commands)]);
    expect(a).toEqual(b);
    expect((await history(log)).outcomes).toHaveLength(10);
    expect(await versions()).toEqual(commands.map((_, n) => n + 1));
  });

  it('are not moved by an old takeover and its batch that come again: T(A) A0 T(B) B0 T(A) A0', async () => {
    const sent: (readonly Entry[])[] = [];
    await ask(ownerOf(watched(sent), { clock }), markRead(1, 1));
    const b = await owning();
    await ask(b, markRead(1, 2));
    for (const batch of sent) await log.append(HOME, batch);
    expect(sent).toHaveLength(2);
    expect(await versions()).toEqual([1, 2]);
    expect(await ask(b, markRead(1, 3))).toMatchObject([{ version: 3 }]);
    expect(await takeovers()).toBe(2);
  });
});
