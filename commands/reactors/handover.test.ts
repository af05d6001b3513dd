import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ASSISTANT } from '../../domain/decider.js';
import { nameFor, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import type { CommandClient, Sent } from '../client/client.js';
import { builtInResponder } from './builtin.js';
import type { Obligations } from './reactor.js';
import { scripted } from './models/testing.js';
import { type Bench, openBench } from './testing.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

describe('a process that is killed in mid-reply', () => {
  it('leaves the reply to the next one, which begins anew with the next attempt', async () => {
    const before = scripted();
    const killed = await bench.start(before.responder, 1);
    const { reply } = await bench.ask();
    const speaker = await before.call(0);
    speaker.say('The first try');
    await expect.poll(() => bench.shown(reply)).toBe('The first try');
    await killed.stop();
    speaker.say(' goes on');
    speaker.end();

    const after = scripted();
    await bench.start(after.responder, 2);
    const second = await after.call(0);
    second.say('The second');
    second.end();
    await bench.seen('ReplyCompleted', reply);
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyStarted 2', 'ReplyCompleted 2']);
    expect(await bench.textOf(reply)).toBe('The second');
    expect(bench.screen.shown.get(reply)).toMatchObject({ attempt: 2, text: 'The second' });
  });

  it('and comes back to life has nothing more to say', async () => {
    const zombie = scripted();
    // It hears of nothing that happens meanwhile, and tells us what comes of its end.
    const obligations: Obligations = {
      watch: (listener) =>
        bench.obligations.watch((change) => {
          if ('attempt' in change && change.attempt === 0) listener(change);
        }),
    };
    let tell: ((sent: Sent) => void) | undefined;
    const told = new Promise<Sent>((resolve) => {
      tell = resolve;
    });
    const client: CommandClient = {
      send: async (draft) => {
        const sent = await bench.client.send(draft);
        if (draft.type === 'CompleteReply') tell?.(sent);
        return sent;
      },
    };
    await bench.start(zombie.responder, 1, { obligations, client });
    const { reply } = await bench.ask();
    const speaker = await zombie.call(0);
    bench.bury(1);

    const after = scripted();
    await bench.start(after.responder, 2);
    const second = await after.call(0);
    speaker.end();
    expect(await told).toMatchObject({ status: 'rejected', code: 'STALE' });
    await turn();
    expect(bench.ended(reply)).toBe(false);
    second.say('The second');
    second.end();
    await bench.seen('ReplyCompleted', reply);
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyStarted 2', 'ReplyCompleted 2']);
    expect(await bench.textOf(reply)).toBe('The second');
    expect(bench.failures).toEqual([]);
  });

  it('and hears that it was overtaken falls silent', async () => {
    const first = scripted();
    await bench.start(first.responder, 1);
    const { reply } = await bench.ask();
    const speaker = await first.call(0);
    bench.bury(1);
    const after = scripted();
    await bench.start(after.responder, 2);
    const second = await after.call(0);
    await expect.poll(() => speaker.signal.aborted).toBe(true);
    speaker.say('not this');
    second.say('but this');
    second.end();
    await bench.seen('ReplyCompleted', reply);
    expect(bench.screen.shown.get(reply)).toMatchObject({ attempt: 2, text: 'but this' });
  });

  it('leaves a stop to the next one too', async () => {
    const { responder, call } = scripted();
    const killed = await bench.start(responder, 1);
    const asked = await bench.ask();
    await call(0);
    await killed.stop();
    await bench.stopReply(asked);
    await bench.seen('ReplyStopRequested', asked.reply);
    await bench.start(scripted().responder, 2);
    await bench.seen('ReplyStopped', asked.reply);
    expect(bench.story(asked.reply).slice(1)).toEqual(['ReplyStopRequested', 'ReplyStarted 2', 'ReplyStopped 2']);
  });
});

describe('two processes', () => {
  it('never both answer: each reply has one claim and one end', async () => {
    const speaking = builtInResponder(() => turn());
    const both = [await bench.start(speaking, 1), await bench.start(speaking, 2)];
    const asked = await Promise.all(Array.from({ length: 20 }, () => bench.ask()));
    await bench.seen('ReplyCompleted', undefined, 20);
    await Promise.all(both.map(({ stop }) => stop()));
    for (const { reply } of asked) expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyCompleted 1']);
    expect(bench.failures).toEqual([]);
  });
});

/** A reply that another process claimed just before this one could, which has let go of it. */
async function claimedElsewhere(isAlive: boolean) {
  let refused: (() => void) | undefined;
  const left = new Promise<void>((resolve) => {
    refused = resolve;
  });
  const slower: CommandClient = {
    send: async (draft) => {
      if (draft.type !== 'ClaimReply' || draft.data.attempt > 1) return bench.client.send(draft);
      await bench.client.send({ ...draft, data: { ...draft.data, executor: clientId(999) } });
      const sent = await bench.client.send(draft);
      setImmediate(() => refused?.());
      return sent;
    },
  };
  const { responder, call, calls } = scripted();
  await bench.start(responder, 1, { client: slower, lives: async () => isAlive });
  const asked = await bench.ask();
  await left;
  return { asked, call, calls };
}

/** The next attempt begins, answers, and ends. */
async function answeredBy(call: ReturnType<typeof scripted>['call'], reply: string): Promise<void> {
  const speaker = await call(0);
  speaker.say('after all');
  speaker.end();
  await bench.seen('ReplyCompleted', reply);
  expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyStarted 2', 'ReplyCompleted 2']);
  expect(bench.failures).toEqual([]);
}

it('a reply whose claim landed when its process was gone, and the next one had begun, is taken up', async () => {
  const { asked, call } = await claimedElsewhere(false);
  const { reply } = asked;
  await answeredBy(call, reply);
});

it('a reply that another process has and does not end is taken up in a while', async () => {
  const { asked, call, calls } = await claimedElsewhere(true);
  const { reply } = asked;
  await bench.seen('ReplyStarted', reply);
  expect(calls).toEqual([]);
  // Half an hour, a look at a time.
  for (let looks = 0; looks < 360; looks++) {
    expect(calls).toEqual([]);
    await bench.quiet();
    bench.passTime();
  }
  await answeredBy(call, reply);
});

describe('the stop of a reply that runs elsewhere', () => {
  async function elsewhere() {
    const { asked, calls } = await claimedElsewhere(true);
    await bench.stopReply(asked);
    await bench.seen('ReplyStopRequested', asked.reply);
    expect(calls).toEqual([]);
    return asked;
  }

  it('is left to that process, but not for ever', async () => {
    const { reply } = await elsewhere();
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyStopRequested']);
    bench.passTime();
    await bench.seen('ReplyStopped', reply);
    expect(bench.story(reply).slice(2)).toEqual(['ReplyStarted 2', 'ReplyStopped 2']);
  });

  it('is done with when that process ends it', async () => {
    const { reply, conversation } = await elsewhere();
    const stream = streamOf('conversation', conversation);
    await bench.client.send({
      type: 'EndStoppedReply',
      data: { reply, attempt: 1, parts: [], latencyMs: 1 },
      id: nameFor(stream, reply, 'end:1'),
      actor: ASSISTANT,
      stream,
    });
    await bench.seen('ReplyStopped', reply);
    bench.passTime();
    await bench.ask();
    expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyStopRequested', 'ReplyStopped 1']);
    expect(bench.failures).toEqual([]);
  });
});
