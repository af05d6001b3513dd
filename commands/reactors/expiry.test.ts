import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentOf, conversationKey, personKey } from '../../domain/content.js';
import { streamOf } from '../../domain/ids.js';
import { KeyDestroyed } from '../keys/keys.js';
import { T0, ada, nextId } from '../worker/testing.js';
import { quick, scripted } from './models/testing.js';
import { type Bench, type Process, openBench } from './testing.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const HOUR = 3600_000;
const expires = new Date(T0 + 2.5 * HOUR).toISOString();

const start = (more: Partial<Process> = {}, name = 1) =>
  bench.start(quick().responder, name, { kinds: ['expiry'], ...more });

const ends = (): readonly string[] =>
  bench.events.flatMap(({ type }) => (type === 'ConversationExpired' || type === 'ConversationPurged' ? [type] : []));
const whole = ['ConversationExpired', 'ConversationPurged'];

/** The title and the first message, opened. */
const textsOf = (conversation: string): Promise<readonly (string | null)[]> =>
  bench.open(
    bench.events.flatMap(({ type, data }) => {
      if (type === 'ConversationStarted') return [{ sealed: data.title, content: contentOf.title(conversation) }];
      if (type !== 'MessagePosted') return [];
      return data.parts.map(({ text }, at) => ({ sealed: text, content: contentOf.part(data.message, at) }));
    }),
  );

/** Moves the clock on, and has whoever waits look at it. */
const pass = async (ms: number): Promise<void> => {
  bench.clock.now += ms;
  bench.passTime();
  await bench.quiet();
};

describe('a temporary conversation', () => {
  it('expires at its time and not before, and its texts with it', async () => {
    const waits: number[] = [];
    await start({ wait: (ms, signal) => (waits.push(ms), bench.wait(ms, signal)) });
    const { conversation } = await bench.ask(expires);
    await bench.quiet();
    for (const _ of [1, 2]) await pass(HOUR);
    await pass(HOUR / 2 - 1_000);
    expect(ends()).toEqual([]);
    expect(await textsOf(conversation)).toEqual(['Say', 'Say something.']);
    await pass(1_000);
    await bench.seen('ConversationPurged');
    expect(ends()).toEqual(whole);
    // In slices, so that a clock that is put on is seen.
    expect(waits.slice(0, 4)).toEqual([HOUR, HOUR, HOUR / 2, 1_000]);
    expect(await textsOf(conversation)).toEqual([null, null]);
    await expect(bench.keys.ensure(conversationKey(conversation))).rejects.toThrow(KeyDestroyed);
    expect(await bench.keys.find([personKey(ada)])).toEqual(new Map());
    expect(bench.failures).toEqual([]);
  });

  it('expires over a restart, and as soon as somebody is there where its time has passed meanwhile', async () => {
    const first = await start();
    const { conversation } = await bench.ask(expires);
    await pass(HOUR);
    await first.stop();
    bench.clock.now = Date.parse(expires) + 24 * HOUR;
    await bench.quiet();
    expect(ends()).toEqual([]);
    await start({}, 2);
    await bench.seen('ConversationPurged');
    expect(ends()).toEqual(whole);
    expect(await textsOf(conversation)).toEqual([null, null]);
  });

  it('that was deleted loses its key all the same', async () => {
    const { conversation } = await bench.ask(expires);
    const stream = streamOf('conversation', conversation);
    await bench.send({ id: nextId(), actor: ada, stream, type: 'DeleteConversation', data: {} });
    bench.clock.now = Date.parse(expires);
    await start();
    await bench.seen('ConversationPurged');
    expect(await textsOf(conversation)).toEqual([null, null]);
  });

  it('is purged only when its key is gone from the disk, however often that takes', async () => {
    let tries = 0;
    const destroyKey = async (key: string): Promise<void> => {
      expect(ends()).toEqual(['ConversationExpired']);
      if (++tries < 3) throw new Error('somebody reads the file');
      await bench.destroyKey(key);
    };
    await bench.ask(expires);
    bench.clock.now = Date.parse(expires);
    await start({ destroyKey });
    await bench.seen('ConversationPurged');
    expect(tries).toBe(3);
    expect(bench.failures).toEqual([1, 2].map(() => new Error('somebody reads the file')));
    expect(ends()).toEqual(whole);
  });

  it('leaves those alone that do not expire', async () => {
    const { conversation } = await bench.ask();
    bench.clock.now += 365 * 24 * HOUR;
    await start();
    await bench.quiet();
    expect(ends()).toEqual([]);
    expect(await textsOf(conversation)).toEqual(['Say', 'Say something.']);
  });
});

describe('a reply in a temporary conversation', () => {
  it('is sealed under its key, and cannot be read without it', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const { conversation, reply } = await bench.ask(expires);
    const speaker = await call(0);
    speaker.say('For now.');
    speaker.end();
    const [end] = await bench.seen('ReplyCompleted', reply);
    expect(end?.data).toMatchObject({ parts: [{ text: { key: conversationKey(conversation) } }] });
    expect(await bench.textOf(reply)).toBe('For now.');
    bench.clock.now = Date.parse(expires);
    await start({}, 2);
    await bench.seen('ConversationPurged');
    expect(await bench.textOf(reply)).toBe('');
  });

  it('that runs while it expires ends all the same, without its text', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const { reply } = await bench.ask(expires);
    const speaker = await call(0);
    speaker.say('Too late.');
    bench.clock.now = Date.parse(expires);
    await start({}, 2);
    await bench.seen('ConversationPurged');
    speaker.end();
    await bench.seen('ReplyFailed', reply);
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyFailed 1']);
  });
});
