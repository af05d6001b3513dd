import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { personKey } from '../../domain/content.js';
import { ASSISTANT } from '../../domain/decider.js';
import { nameFor, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import type { CommandClient, Draft } from '../client/client.js';
import { ada, nextId } from '../worker/testing.js';
import { builtInResponder } from './builtin.js';
import type { Wait } from '../wait.js';
import { scripted } from './models/testing.js';
import type { ReadBranch } from './reactor.js';
import { type Bench, openBench } from './testing.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

describe('a reply', () => {
  it('is claimed, streamed and ended once; what was shown is what is kept', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const { reply } = await bench.ask();
    const speaker = await call(0);
    for (const piece of ['Hello', ', ', 'Ada.']) speaker.say(piece);
    speaker.end();
    await bench.seen('ReplyCompleted', reply);
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyCompleted 1']);
    expect(await bench.textOf(reply)).toBe('Hello, Ada.');
    expect(bench.shown(reply)).toBe('Hello, Ada.');
    await expect.poll(() => bench.ended(reply)).toBe(true);
    expect(bench.failures).toEqual([]);
  });

  it('says who answered and how, and is sealed under the key of who asked', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const { conversation, reply } = await bench.ask();
    const stream = streamOf('conversation', conversation);
    const speaker = await call(0);
    speaker.say('Yes.');
    speaker.end();
    await bench.seen('ReplyCompleted', reply);
    const [claim, end] = bench.events.filter(({ actor }) => actor === ASSISTANT);
    expect(claim?.cause).toBe(nameFor(stream, reply, 'claim:1'));
    expect(claim?.data).toEqual({ reply, attempt: 1, executor: clientId(901), endpoint: 'scripted', model: 'test' });
    expect(end).toMatchObject({
      cause: nameFor(stream, reply, 'end:1'),
      data: {
        finish: 'stop',
        tokens: 1,
        parts: [{ type: 'text', chars: 4, text: { key: personKey(ada), content: `${reply}/0` } }],
      },
    });
    expect(JSON.stringify(bench.events)).not.toContain('Yes.');
  });

  it('may say nothing at all', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const { reply } = await bench.ask();
    (await call(0)).end();
    const [end] = await bench.seen('ReplyCompleted', reply);
    expect(end?.data).toMatchObject({ parts: [] });
  });

  it('comes from the built-in responder just so', async () => {
    await bench.start(builtInResponder(() => turn()));
    const { reply } = await bench.ask();
    await bench.seen('ReplyCompleted', reply);
    expect(await bench.textOf(reply)).toContain('> Say something.');
    expect(bench.shown(reply)).toBe(await bench.textOf(reply));
  });

  it('fails with the text so far where the responder fails, and the next one is answered', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const first = await bench.ask();
    const speaker = await call(0);
    speaker.say('So far');
    speaker.fail(new Error('the model is gone'));
    const [end] = await bench.seen('ReplyFailed', first.reply);
    expect(end?.data).toMatchObject({ code: 'RESPONDER_FAILED', attempt: 1 });
    expect(await bench.textOf(first.reply)).toBe('So far');
    expect(bench.failures).toMatchObject([{ message: 'the model is gone' }]);
    const second = await bench.ask();
    (await call(1)).end();
    await bench.seen('ReplyCompleted', second.reply);
  });

  it('waits for a branch that cannot be read yet, and is answered in the same attempt', async () => {
    const turns = [{ role: 'user' as const, text: 'Say something.' }];
    const reads = [1, 2].map((n) => () => Promise.reject(new Error(`behind ${n}`)));
    const branch: ReadBranch = async () => reads.shift()?.() ?? turns;
    const { responder, call } = scripted();
    await bench.start(responder, 1, { branch });
    const { reply } = await bench.ask();
    (await call(0)).end();
    await bench.seen('ReplyCompleted', reply);
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyCompleted 1']);
    expect(bench.failures).toMatchObject([{ message: 'behind 1' }, { message: 'behind 2' }]);
  });

  it.each<[string, ReadBranch]>([
    ['hangs', () => new Promise(() => undefined)],
    ['fails again and again', () => Promise.reject(new Error('behind'))],
  ])('can be stopped while the reading of its branch %s', async (_, branch) => {
    // Whoever waits for the next try waits until the signal comes.
    const wait: Wait = (ms, signal) =>
      ms < 50 ? turn() : new Promise((on) => signal?.addEventListener('abort', () => on()));
    await bench.start(scripted().responder, 1, { branch, wait });
    const asked = await bench.ask();
    await bench.seen('ReplyStarted', asked.reply);
    await bench.quiet();
    await bench.stopReply(asked);
    await bench.seen('ReplyStopped', asked.reply);
    expect(bench.story(asked.reply)).toEqual(['ReplyStarted 1', 'ReplyStopRequested', 'ReplyStopped 1']);
  });

  it('ends though its conversation is deleted while it runs', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const { conversation, reply } = await bench.ask();
    const speaker = await call(0);
    speaker.say('To the end.');
    const stream = streamOf('conversation', conversation);
    await bench.send({ id: nextId(), actor: ada, stream, type: 'DeleteConversation', data: {} });
    await bench.seen('ConversationDeleted');
    speaker.end();
    await bench.seen('ReplyCompleted', reply);
    expect(await bench.textOf(reply)).toBe('To the end.');
  });

  it('ends without its text where that can no longer be kept', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const { reply } = await bench.ask();
    const speaker = await call(0);
    speaker.say('Too late.');
    await bench.keys.destroy(personKey(ada));
    speaker.end();
    const [end] = await bench.seen('ReplyFailed', reply);
    expect(end?.data).toMatchObject({ code: 'TEXT_REFUSED', parts: [] });
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyFailed 1']);
    expect(bench.failures).toHaveLength(1);
  });
});

describe('a stop', () => {
  it('ends the reply with the text so far, though the responder be deaf', async () => {
    const { responder, call } = scripted();
    await bench.start(responder);
    const asked = await bench.ask();
    const speaker = await call(0);
    speaker.say('So far');
    await expect.poll(() => bench.shown(asked.reply)).toBe('So far');
    await bench.stopReply(asked);
    await bench.seen('ReplyStopped', asked.reply);
    expect(speaker.signal.aborted).toBe(true);
    expect(await bench.textOf(asked.reply)).toBe('So far');
    expect(bench.story(asked.reply)).toEqual(['ReplyStarted 1', 'ReplyStopRequested', 'ReplyStopped 1']);
    await expect.poll(() => bench.ended(asked.reply)).toBe(true);
  });

  it('that came before anybody claimed the reply ends it without a word', async () => {
    const asked = await bench.ask();
    await bench.stopReply(asked);
    await bench.seen('ReplyStopRequested', asked.reply);
    const { responder, calls } = scripted();
    // An end needs no place in the line.
    await bench.start(responder, 1, { atOnce: 0 });
    await bench.seen('ReplyStopped', asked.reply);
    expect(calls).toEqual([]);
    expect(await bench.textOf(asked.reply)).toBe('');
  });
});

describe('a send whose answer does not come', () => {
  it('is sent again under the same id until there is one, and is done once', async () => {
    const sent: Draft[] = [];
    const forgetful: CommandClient = {
      send: async (draft) => {
        sent.push(draft);
        const times = sent.filter(({ id }) => id === draft.id).length;
        if (times === 1) return { status: 'rejected', code: 'UNAVAILABLE', message: 'Not now.' };
        const answer = await bench.client.send(draft);
        return times < 4 ? { status: 'pending', command: draft.id } : answer;
      },
    };
    const backOffs: number[] = [];
    const wait = async (ms: number): Promise<void> => {
      backOffs.push(ms);
      await turn();
    };
    const { responder, call } = scripted();
    await bench.start(responder, 1, { client: forgetful, wait });
    const { reply } = await bench.ask();
    (await call(0)).end();
    await bench.seen('ReplyCompleted', reply);
    await expect.poll(() => bench.ended(reply)).toBe(true);
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyCompleted 1']);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(2);
    expect(backOffs.slice(0, 3)).toEqual([100, 200, 400]);
  });
});

describe('many replies', () => {
  it('run at once up to a bound, the others wait in line', async () => {
    const { responder, call, calls } = scripted();
    await bench.start(responder, 1, { atOnce: 2 });
    for (let n = 0; n < 5; n++) await bench.ask();
    await call(1);
    await turn();
    expect(calls).toHaveLength(2);
    expect(bench.events.filter(({ type }) => type === 'ReplyStarted')).toHaveLength(2);
    for (let n = 0; n < 5; n++) (await call(n)).end();
    await bench.seen('ReplyCompleted', undefined, 5);
  });

  it('can be stopped while they wait, without waiting for a place', async () => {
    const { responder, call, calls } = scripted();
    await bench.start(responder, 1, { atOnce: 1 });
    await bench.ask();
    const speaker = await call(0);
    const waiting = await bench.ask();
    await bench.stopReply(waiting);
    await bench.seen('ReplyStopped', waiting.reply);
    expect(calls).toHaveLength(1);
    speaker.end();
    await bench.seen('ReplyCompleted');
  });
});
