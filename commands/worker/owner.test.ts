import { beforeEach, describe, expect, it } from 'vitest';
import { schemaOf } from '../../domain/catalogue.js';
import { contentOf, personKey } from '../../domain/content.js';
import { hashOf } from '../../domain/event.js';
import { bucketOf, isUuid, parseStream, streamOf } from '../../domain/ids.js';
import { clientId, sealedText } from '../../domain/testing.js';
import { LONGEST_DEADLINE, Refused } from '../command.js';
import type { Log } from '../log/log.js';
import type { Owner } from './owner.js';
import {
  type Clock,
  HOME,
  T0,
  ada,
  ask,
  commandOf,
  entries,
  history,
  markRead,
  nextId,
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

describe('an accepted command', () => {
  it('is in the log with its outcome before it is answered', async () => {
    const command = start();
    const [answer] = await ask(owner, command);
    const { events, outcomes } = await history(log);
    expect(events.map(({ type }) => type)).toEqual(['ConversationStarted', 'MessagePosted', 'ReplyRequested']);
    expect(outcomes).toMatchObject([{ actor: ada, command: command.id, hash: command.hash }]);
    expect(answer).toEqual({
      status: 'accepted',
      stream: command.stream,
      version: 3,
      events: 3,
      position: { partition: HOME, offset: await log.end(HOME) },
    });
  });

  it('stamps its events with all that is known about them', async () => {
    const command = start({ correlation: nextId(), trace: '00-ab-cd-01' });
    await ask(owner, command);
    const { events } = await history(log);
    for (const [at, event] of events.entries()) {
      expect(event).toMatchObject({
        schema: schemaOf(event.type),
        stream: command.stream,
        version: at + 1,
        at: new Date(T0).toISOString(),
        actor: ada,
        cause: command.id,
        correlation: command.correlation,
        trace: '00-ab-cd-01',
      });
      expect(isUuid(event.id)).toBe(true);
      expect(bucketOf(event.id)).toBe(bucketOf(parseStream(command.stream).id));
    }
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
  });

  it('chains each stream by its hashes, across batches and owners', async () => {
    await ask(owner, markRead(1, 1), markRead(1, 2), markRead(2, 1));
    await ask(owner, markRead(1, 3));
    await ask(ownerOf(log, { clock }), markRead(1, 4), markRead(2, 2));
    const { events } = await history(log);
    const last = new Map<string, object>();
    for (const event of events) {
      const before = last.get(event.stream);
      expect(event.previous).toBe(before ? hashOf(before) : '');
      last.set(event.stream, event);
    }
    expect(events.map(({ version }) => version)).toEqual([1, 2, 1, 3, 4, 2]);
  });

  it('that changes nothing is accepted all the same, and remembered', async () => {
    await ask(owner, markRead(1, 5));
    const command = markRead(1, 5);
    const [answer] = await ask(owner, command);
    expect(answer).toMatchObject({ status: 'accepted', version: 1, events: 0 });
    expect((await entries(log)).at(-1)).toMatchObject({ kind: 'outcomes', outcomes: [{ command: command.id }] });
  });
});

describe('a rejected command', () => {
  it('is recorded with its reason, in a record of its own where the batch has no events', async () => {
    const command = markRead(1, -1);
    const [answer] = await ask(owner, command);
    expect(answer).toMatchObject({ status: 'rejected', code: 'INVALID', position: { offset: await log.end(HOME) } });
    expect((await entries(log)).slice(2)).toMatchObject([
      { kind: 'outcomes', outcomes: [{ command: command.id, outcome: { status: 'rejected', code: 'INVALID' } }] },
    ]);
  });

  it('names the version that the stream has, where another was expected', async () => {
    const [first, second, third] = await ask(
      owner,
      markRead(1, 1, { expected: 0 }),
      markRead(1, 2, { expected: 1 }),
      markRead(1, 3, { expected: 1 }),
    );
    expect(first).toMatchObject({ status: 'accepted', version: 1 });
    expect(second).toMatchObject({ status: 'accepted', version: 2 });
    expect(third).toMatchObject({ status: 'rejected', code: 'VERSION_MISMATCH' });
    expect((await history(log)).outcomes).toHaveLength(3);
  });

  it('names no version to strangers', async () => {
    await ask(owner, markRead(1, 1));
    const stranger = { ...markRead(1, 2, { expected: 0 }), actor: clientId(3, 0x500) };
    expect(await ask(owner, stranger)).toMatchObject([{ status: 'rejected', code: 'NOT_FOUND' }]);
  });

  it('has no home here if its stream lives elsewhere', async () => {
    const elsewhere = clientId(2, 0xf00);
    const stream = streamOf('user', elsewhere);
    const data = { name: sealedText(personKey(elsewhere), contentOf.name(elsewhere)), chars: 1 };
    const [answer] = await ask(owner, commandOf({ type: 'RegisterUser', data }, { stream, actor: elsewhere }));
    expect(answer).toMatchObject({ status: 'rejected', code: 'WRONG_BUCKET' });
    expect((await history(log)).events).toEqual([]);
  });

  it('has no home here if its id has another bucket than its stream, though both have the same partition', async () => {
    const command = markRead(1, 1, { id: nextId(clientId(0, 0x501)) });
    const [answer] = await ask(owner, command);
    expect(answer).toMatchObject({
      status: 'rejected',
      code: 'WRONG_BUCKET',
      message: "A command's id ends in the last three digits of the id of its stream.",
    });
    expect(await history(log)).toMatchObject({ events: [], outcomes: [{ command: command.id }] });
    expect(await ask(owner, command)).toEqual([answer]);
    expect(await ask(ownerOf(log, { clock }), command)).toEqual([answer]);
  });
});

describe('a command that comes again', () => {
  it('is answered as before and done once: in the same batch, in another, with another owner', async () => {
    const command = markRead(1, 7);
    const [first, doublet] = await ask(owner, command, command);
    expect(first).toMatchObject({ status: 'accepted', events: 1 });
    expect(doublet).toEqual(first);
    await ask(owner, markRead(1, 8));
    const end = await log.end(HOME);
    expect(await ask(owner, command)).toEqual([first]);
    expect(await log.end(HOME)).toBe(end);
    expect(await ask(ownerOf(log, { clock }), command)).toEqual([first]);
    expect((await history(log)).events).toHaveLength(2);
  });

  it('is answered as before when it was rejected, though it would be accepted now', async () => {
    const command = markRead(1, 1, { expected: 1 });
    const [first] = await ask(owner, command);
    await ask(owner, markRead(1, 1));
    expect(first).toMatchObject({ code: 'VERSION_MISMATCH' });
    expect(await ask(owner, command)).toEqual([first]);
    expect(await ask(ownerOf(log, { clock }), command)).toEqual([first]);
  });

  it('is known by its actor too: two people may use one id', async () => {
    const id = nextId();
    const other = clientId(3, 0x500);
    const answers = await ask(owner, markRead(1, 1, { id }), markRead(1, 1, { id, actor: other }));
    expect(answers).toMatchObject([{ events: 1 }, { events: 1 }]);
  });

  it('with another payload is COMMAND_ID_REUSED, and that is not recorded', async () => {
    const command = markRead(1, 1);
    const [first] = await ask(owner, command);
    const end = await log.end(HOME);
    const [again] = await ask(owner, markRead(1, 2, { id: command.id }));
    expect(again).toMatchObject({ status: 'rejected', code: 'COMMAND_ID_REUSED', position: { offset: end } });
    expect(await log.end(HOME)).toBe(end);
    expect(await ask(owner, command)).toEqual([first]);
  });

  it('with another payload in the same batch is COMMAND_ID_REUSED too', async () => {
    const command = markRead(1, 1);
    const answers = await ask(owner, command, markRead(1, 2, { id: command.id }));
    expect(answers).toMatchObject([{ status: 'accepted' }, { code: 'COMMAND_ID_REUSED' }]);
    expect((await history(log)).events).toHaveLength(1);
  });
});

describe('a deadline', () => {
  const at = (ms: number): string => new Date(ms).toISOString();

  it('that is past is EXPIRED, leaves no trace, and the same id may come again with another', async () => {
    const command = markRead(1, 1, { deadline: at(T0) });
    const [answer] = await ask(owner, command);
    expect(answer).toBeInstanceOf(Refused);
    expect(answer).toMatchObject({ code: 'EXPIRED' });
    expect(await history(log)).toEqual({ events: [], outcomes: [] });
    expect(await ask(owner, { ...command, deadline: at(T0 + 1) })).toMatchObject([{ status: 'accepted', events: 1 }]);
  });

  it('is not asked of what is known', async () => {
    const command = markRead(1, 1);
    const [first] = await ask(owner, command);
    clock.now += 60_000;
    expect(await ask(owner, command)).toEqual([first]);
  });

  it.each([at(T0 + LONGEST_DEADLINE + 1), 'soon', ''])(
    'too far ahead, or no time at all, is EXPIRED: "%s"',
    async (deadline) => {
      expect(await ask(owner, markRead(1, 1, { deadline }))).toMatchObject([{ code: 'EXPIRED' }]);
    },
  );

  it('is as long as outcomes are remembered, and a day less', async () => {
    const command = markRead(1, 1, { deadline: at(T0 + LONGEST_DEADLINE) });
    const [first] = await ask(owner, command);
    clock.now += LONGEST_DEADLINE + 23 * 3_600_000;
    await ask(owner, markRead(2, 1, { deadline: at(clock.now + 1) }));
    expect(await ask(owner, command)).toEqual([first]);
    // Long after, it is forgotten, and can only expire.
    clock.now += 2 * 3_600_000;
    await ask(owner, markRead(2, 2, { deadline: at(clock.now + 1) }));
    expect(await ask(owner, command)).toMatchObject([{ code: 'EXPIRED' }]);
    expect(await ask(ownerOf(log, { clock }), command)).toMatchObject([{ code: 'EXPIRED' }]);
  });
});
