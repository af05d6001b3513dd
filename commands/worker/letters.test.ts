import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import { type Command, type DeadLetter, deadLettersIn } from '../command.js';
import type { Log } from '../log/log.js';
import { type Shelf, memorySnapshots } from '../snapshots/memory.js';
import { STATE } from '../../domain/catalogue.js';
import { type Clock, T0, ada, ask, entries, markRead, nextId, openLog, ownerOf } from './testing.js';

let clock: Clock;
let log: Log;
beforeEach(() => {
  clock = { now: T0 };
  log = openLog();
});

const letters = async (): Promise<readonly DeadLetter[]> => (await entries(log)).flatMap(deadLettersIn);

/** What came over a wire that anybody may write to: typed as a command, as nobody has looked at it yet. */
function wired(value: unknown): Command {
  const { command }: { command: Command } = JSON.parse(JSON.stringify({ command: value ?? null }));
  return command;
}

describe('a dead letter', () => {
  it('holds the command as it came, its content sealed, and the error; the batch around it goes on', async () => {
    const bad = {
      ...markRead(1, 1),
      type: 'PaintConversation',
      data: { colour: { key: 'k', content: 'c', box: 'b' } },
    };
    const good = markRead(1, 2);
    await ask(ownerOf(log, { clock }), bad, good);
    const recorded = { actor: ada, command: bad.id, hash: bad.hash, at: new Date(T0).toISOString() };
    expect(await letters()).toEqual([
      {
        ...recorded,
        outcome: { status: 'rejected', code: 'FAILED', message: expect.stringContaining('could not be decided') },
        letter: {
          type: bad.type,
          stream: bad.stream,
          data: bad.data,
          error: { name: 'Error', message: 'PaintConversation does not belong to this stream' },
        },
      },
    ]);
  });

  it('stays in the log alone: no snapshot and no answer holds it', async () => {
    const shelf: Shelf = new Map();
    const owner = ownerOf(log, { clock, snapshots: memorySnapshots(STATE, shelf) });
    const bad = { ...markRead(1, 1), type: 'PaintConversation', data: { marker: 'planted' } };
    const [answer] = await ask(owner, bad);
    await owner.flush();
    const stored = [...shelf.values()].flatMap(({ outcomes }) => [...outcomes.values()]);
    expect(stored).toHaveLength(1);
    expect(JSON.stringify([answer, stored])).not.toMatch(/planted|letter/);
    const next = ownerOf(log, { clock, snapshots: memorySnapshots(STATE) });
    expect(await ask(next, bad)).toEqual([answer]);
    await next.flush();
    expect(JSON.stringify(await letters())).toContain('planted');
    expect(await letters()).toHaveLength(1);
  });

  it('of what is too large to be written tells how large it was', async () => {
    const text = 'x'.repeat(300_000);
    const bad = { ...markRead(1, 1), type: 'PaintConversation', data: { text } };
    const sizes: number[] = [];
    const append = log.append.bind(log);
    log.append = (partition, batch) => (sizes.push(JSON.stringify(batch).length), append(partition, batch));
    const answers = await ask(ownerOf(log, { clock }), bad, {
      ...bad,
      id: nextId(),
      data: { text: text.slice(0, 200_000) },
    });
    expect(answers).toMatchObject([{ code: 'FAILED' }, { code: 'FAILED' }]);
    expect((await letters()).map(({ letter }) => [letter.data === null, letter.left])).toEqual([
      [true, JSON.stringify(bad.data).length],
      [false, undefined],
    ]);
    expect(Math.max(...sizes)).toBeLessThan(512 * 1024);
  });

  it('counts in its batch: many of them are cut into appends that every broker takes', async () => {
    const sizes: number[] = [];
    const append = log.append.bind(log);
    log.append = (partition, batch) => (sizes.push(JSON.stringify(batch).length), append(partition, batch));
    const bad = Array.from({ length: 12 }, () => ({
      ...markRead(1, 1),
      type: 'PaintConversation',
      data: { text: 'x'.repeat(120_000) },
    }));
    await ask(ownerOf(log, { clock }), ...bad);
    expect(await letters()).toHaveLength(12);
    expect(Math.max(...sizes)).toBeLessThan(512 * 1024);
  });

  it('is none for a command that is refused in order', async () => {
    await ask(ownerOf(log, { clock }), markRead(1, -1), {
      ...markRead(1, 1),
      stream: streamOf('user', clientId(2, 0xf00)),
    });
    expect(await letters()).toEqual([]);
    expect((await entries(log)).length).toBeGreaterThan(2);
  });
});

describe('what is no command', () => {
  const whole: unknown[] = [null, 7, 'x', [], [1], {}, { command: 1 }, true];
  it.each(whole.map((came) => [JSON.stringify(came), came]))('as %s is FAILED and kept whole', async (_, came) => {
    const owner = ownerOf(log, { clock });
    const answers = await ask(owner, markRead(1, 1), wired(came), wired(came), markRead(1, 2));
    expect(answers).toMatchObject([{ version: 1 }, { code: 'FAILED' }, { code: 'FAILED' }, { version: 2 }]);
    // It has no name by which it could be known when it comes again.
    const kept = await letters();
    expect(kept.map(({ letter, actor }) => [letter.data, actor])).toEqual([
      [came, ''],
      [came, ''],
    ]);
    expect(new Set(kept.map(({ command }) => command)).size).toBe(2);
  });

  const without = (field: keyof Command): [string, unknown] => {
    const { [field]: _, ...rest } = markRead(1, 1);
    return [`without \`${field}\``, rest];
  };
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`);
  it.each([
    without('hash'),
    without('stream'),
    without('deadline'),
    without('correlation'),
    without('type'),
    without('data'),
    ['whose data is null', { ...markRead(1, 1), data: null }],
    ['whose data is a list', { ...markRead(1, 1), data: [] }],
    ['whose version is a text', { ...markRead(1, 1), expected: '1' }],
    ['whose stream is endless', { ...markRead(1, 1), stream: `conversation-${'x'.repeat(90_000)}` }],
    ['whose trace is an object', { ...markRead(1, 1), trace: {} }],
  ] satisfies [string, unknown][])('a command %s is FAILED under its name, once', async (_, came) => {
    const command = wired(came);
    const [first] = await ask(ownerOf(log, { clock }), command);
    expect(first).toMatchObject({ code: 'FAILED' });
    expect(await ask(ownerOf(log, { clock }), command)).toEqual([first]);
    expect(await letters()).toMatchObject([
      { actor: ada, command: command.id, letter: { data: came, error: { name: 'Unreadable' } } },
    ]);
  });

  it.each([
    ['of data deeper than it can be written', { conversation: clientId(10_001, 0x500), seq: 1, deep }],
    ['of a number that JSON has not', { conversation: clientId(10_001, 0x500), seq: Infinity }],
  ])('nor is one %s: it is kept without', async (_, data) => {
    const answers = await ask(ownerOf(log, { clock }), { ...markRead(1, 1), data }, markRead(1, 2));
    expect(answers).toMatchObject([{ code: 'FAILED' }, { version: 1 }]);
    expect(await letters()).toMatchObject([{ letter: { data: null, left: 0 } }]);
  });

  it('whatever is in any field of it: it is answered, the next one is decided, and the next owner reads on', async () => {
    const good = markRead(3, 5);
    const fields = ['id', 'actor', 'stream', 'hash', 'deadline', 'correlation', 'type', 'data', 'trace', 'expected'];
    const junk = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom<unknown>(
        '',
        '__proto__',
        { toString: 1 },
        { length: -1 },
        [['-']],
        1e300,
        -0,
        '\ud800',
        'instance-',
      ),
      fc.constantFrom<unknown>(
        clientId(1),
        ada,
        good.stream,
        'StartConversation',
        'PostMessage',
        'ClaimReply',
        'GrantRoles',
      ),
    );
    const dataFields = [
      'conversation',
      'seq',
      'message',
      'reply',
      'parent',
      'parts',
      'title',
      'chars',
      'attempt',
      'roles',
    ];
    const data = fc.dictionary(fc.constantFrom(...dataFields), junk);
    const changes = fc.dictionary(fc.constantFrom(...fields), fc.oneof(junk, data));
    const garbage = fc.oneof(
      { weight: 1, arbitrary: junk },
      { weight: 4, arbitrary: changes.map((some) => ({ ...good, ...some })) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(garbage, { minLength: 1, maxLength: 5 }), async (some) => {
        log = openLog();
        const owner = ownerOf(log, { clock });
        const bad = some.map((each) => wired(each));
        const before = markRead(1, 1);
        const answers = await ask(owner, before, ...bad, markRead(1, 2));
        expect(answers).not.toContain(undefined);
        expect([answers.at(0), answers.at(-1)]).toMatchObject([{ version: 1 }, { version: 2 }]);
        const next = ownerOf(log, { clock });
        expect(await ask(next, before, markRead(1, 3))).toMatchObject([answers[0] ?? {}, { version: 3 }]);
        await next.flush();
      }),
      { numRuns: 300 },
    );
  });
});
