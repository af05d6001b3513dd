import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import { clientId } from '../../domain/testing.js';
import { LONGEST_DEADLINE } from '../command.js';
import type { Log } from '../log/log.js';
import { memorySnapshots } from '../snapshots/memory.js';
import type { Wait } from '../wait.js';
import type { Owner } from '../worker/owner.js';
import { storeBench } from '../worker/stored/testing.js';
import { T0, ask, markRead, openLog, waitTurns } from '../worker/testing.js';
import { outcomeReader } from './outcomes.js';

// Who owns nothing learns the same as who owns the partition.

const { bench, owning, copy, putBack } = storeBench();
const HOUR = 3_600_000;

const reader = (more: { log?: Log; wait?: Wait; onTrouble?: (error: unknown) => void } = {}) =>
  outcomeReader({ log: bench.log, snapshots: memorySnapshots(STATE, bench.shelf), wait: waitTurns, ...more });

/** All the ways in which what was decided may be kept. */
const ways: readonly (readonly [string, (owner: Owner) => Promise<unknown>])[] = [
  ['in the log alone', async () => undefined],
  ['in the store', (owner) => owner.flush()],
  [
    'in a store that is behind the log',
    async (owner) => {
      const older = copy();
      await owner.flush();
      putBack(older);
    },
  ],
  [
    'in a store of another log',
    async (owner) => {
      await owner.flush();
      for (const home of bench.shelf.values()) home.checkpoint = home.checkpoint.replaceAll(bench.log.id, clientId(99));
    },
  ],
  [
    'in a store that is further than the log',
    async (owner) => {
      await owner.flush();
      for (const home of bench.shelf.values()) home.checkpoint = home.checkpoint.replace('"offset":', '"offset":9');
    },
  ],
];

describe.each(ways)('an outcome that is %s', (_, keep) => {
  let owner: Owner;
  beforeEach(() => {
    ({ owner } = owning());
  });
  const later = () => markRead(900, 1, { deadline: new Date(bench.clock.now + 1_000).toISOString() });

  it('is found as its owner tells it', async () => {
    await ask(owner, markRead(5, 1));
    await owner.flush();
    const commands = [markRead(1, 1), markRead(1, -1), markRead(1, 2, { expected: 7 })];
    await ask(owner, ...commands);
    await keep(owner);
    const look = reader();
    for (const command of commands) expect(await look(command)).toEqual(await owner.outcome(command));
    const [first] = commands;
    if (!first) throw new Error('there are three');
    expect(await look({ actor: clientId(4), id: first.id })).toBeUndefined();
    expect(await look(markRead(1, 1))).toBeUndefined();
    expect(await look({ ...first, hash: 'another payload' })).toMatchObject({ code: 'COMMAND_ID_REUSED' });
  });

  it('is found once it can be, by all who ask meanwhile, with one reading of the log after the other', async () => {
    const commands = Array.from({ length: 20 }, (_, n) => markRead(n, 1));
    await ask(owner, ...commands);
    await keep(owner);
    let reads = 0;
    const counted: Log = { ...bench.log, read: (...args) => ((reads += 1), bench.log.read(...args)) };
    const look = reader({ log: counted });
    const unknown = Array.from({ length: 20 }, (_, n) => markRead(n, 2));
    const found = await Promise.all([...unknown, ...commands].map((command) => look(command)));
    expect(found.slice(0, 20)).toEqual(unknown.map(() => undefined));
    expect(found.slice(20)).toMatchObject(commands.map(() => ({ status: 'accepted', version: 1 })));
    expect(reads).toBeLessThanOrEqual(2);
  });

  it('is found as long as it may come again, and a day, and then forgotten', async () => {
    const command = markRead(1, 1, { deadline: new Date(T0 + LONGEST_DEADLINE).toISOString() });
    const [answer] = await ask(owner, command);
    bench.clock.now = T0 + LONGEST_DEADLINE + 23 * HOUR;
    await ask(owner, later());
    await keep(owner);
    expect(await reader()(command)).toEqual(answer);
    bench.clock.now += 2 * HOUR;
    await ask(owner, later());
    expect(await reader()(command)).toBeUndefined();
  });
});

describe('a look-up', () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const soon: Wait = async () => turn();

  it('that takes too long is unavailable, and so is one that the store does not answer', async () => {
    const silent = {
      ...openLog(),
      read: async function* () {
        yield await never();
      },
    };
    await expect(reader({ log: silent, wait: soon })(markRead(1, 1))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('still reading'),
    });
    const troubles: unknown[] = [];
    const broken = outcomeReader({
      log: bench.log,
      snapshots: { load: () => Promise.reject(new Error('no answer')) },
      wait: never,
      onTrouble: (error) => troubles.push(error),
    });
    await expect(broken(markRead(1, 1))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(troubles).toMatchObject([{ message: 'no answer' }]);
  });

  it('is one of a thousand at most', async () => {
    const look = outcomeReader({ log: bench.log, snapshots: { load: never }, wait: never });
    for (let n = 0; n < 1_000; n++) void look(markRead(1, 1));
    await expect(look(markRead(1, 1))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('Too many ask'),
    });
  });
});
