import { beforeEach, describe, expect, it } from 'vitest';
import { contentOf, personKey } from '../../domain/content.js';
import { streamOf } from '../../domain/ids.js';
import { clientId, sealedText } from '../../domain/testing.js';
import type { Command } from '../command.js';
import type { Log } from '../log/log.js';
import type { Owner } from './owner.js';
import {
  type Clock,
  T0,
  ada,
  ask,
  commandOf,
  conversation,
  entries,
  history,
  markRead,
  openLog,
  ownerOf,
  start,
} from './testing.js';

let clock: Clock;
let log: Log;
let owner: Owner;

beforeEach(() => {
  clock = { now: T0 };
  log = openLog();
  owner = ownerOf(log, { clock });
});

describe('a batch', () => {
  it('is one append, its last record carries the outcomes of all, accepted or not', async () => {
    let appends = 0;
    const counted = { ...log, append: (...args: Parameters<Log['append']>) => (appends++, log.append(...args)) };
    const commands = [markRead(1, 1), markRead(1, -1), markRead(2, 1), markRead(2, 1)];
    await ask(ownerOf(counted, { clock }), ...commands);
    expect(appends).toBe(2); // The takeover and the batch.
    const [, , first, last, ...more] = await entries(log);
    expect(more).toEqual([]);
    expect(first).not.toHaveProperty('outcomes');
    expect(last).toMatchObject({ outcomes: commands.map(({ id }) => ({ command: id })) });
  });

  it('keeps the order of the commands of a stream', async () => {
    const seqs = Array.from({ length: 400 }, (_, n) => n + 1);
    const answers = await ask(owner, ...seqs.map((seq) => markRead(seq % 3, seq)));
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ status: 'accepted', events: 1 })));
  });

  it('is cut between commands where it would be too large for one append, and keeps their order', async () => {
    const sizes: number[] = [];
    const weighed: Log = {
      ...log,
      append: (partition, batch) => {
        sizes.push(Buffer.byteLength(JSON.stringify(batch)));
        return log.append(partition, batch);
      },
    };
    const large = Array.from({ length: 12 }, (_, n) => largePost(n));
    await ask(ownerOf(weighed, { clock }), start());
    const answers = await ask(ownerOf(weighed, { clock }), ...large);
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ status: 'accepted', events: 2 })));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(512 * 1024);
    expect(sizes.length).toBeGreaterThan(4);
    const { events } = await history(log);
    expect(
      events
        .filter(({ type }) => type === 'MessagePosted')
        .map(({ cause }) => cause)
        .slice(1),
    ).toEqual(large.map(({ id }) => id));
  });

  it('has no place for a command that would write more than 256 KB', async () => {
    await ask(owner, start());
    expect(await ask(owner, largePost(1, 260 * 1024))).toMatchObject([{ code: 'TOO_LARGE' }]);
  });

  /** A sibling of the first message, sealed to so many bytes. */
  function largePost(n: number, bytes = 120_000): Command {
    const [message, reply] = [clientId(100 + 2 * n, 0x500), clientId(101 + 2 * n, 0x500)];
    const text = { ...sealedText(personKey(ada), contentOf.part(message, 0)), box: 'x'.repeat(bytes) };
    const data = { message, reply, parent: null, parts: [{ type: 'text' as const, text, chars: 9 }], fork: true };
    return commandOf({ type: 'PostMessage', data }, { stream: streamOf('conversation', conversation) });
  }
});

describe('a command that cannot be decided', () => {
  const poison: readonly [string, Command][] = [
    ['names no stream', { ...markRead(1, 1), stream: 'conversation-x' }],
    ['belongs to another kind of stream', { ...markRead(1, 1), stream: streamOf('user', ada) }],
    ['is of an unknown kind', { ...markRead(1, 1), type: 'PaintConversation' }],
    ['holds what makes its decider throw', { ...markRead(1, 1), data: { conversation: 'x', seq: 1 } }],
  ];

  it.each(poison)('because it %s is FAILED and recorded, and the partition goes on', async (_, bad) => {
    const dead: unknown[] = [];
    const told = ownerOf(log, { clock, onDeadLetter: (command, error) => dead.push(command.id, error) });
    const answers = await ask(told, markRead(1, 1), bad, markRead(1, 2));
    expect(answers).toMatchObject([
      { status: 'accepted', version: 1 },
      { status: 'rejected', code: 'FAILED' },
      { status: 'accepted', version: 2 },
    ]);
    expect(dead).toEqual([bad.id, expect.any(Error)]);
    expect(await ask(ownerOf(log, { clock }), bad)).toEqual([answers[1]]);
  });
});
