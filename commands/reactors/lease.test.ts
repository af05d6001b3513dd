import { afterEach, beforeEach, expect, it } from 'vitest';
import { clientId } from '../../domain/testing.js';
import type { CommandClient } from '../client/client.js';
import { scripted } from './models/testing.js';
import { type Bench, openBench } from './testing.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

it('a reply whose claim landed when its process was gone, and the next one had begun, is taken up in a while', async () => {
  let refused: (() => void) | undefined;
  const left = new Promise<void>((resolve) => {
    refused = resolve;
  });
  // The claim of one that is gone by now, on its way for long, lands just before this process's own.
  const client: CommandClient = {
    send: async (draft) => {
      if (draft.type !== 'ClaimReply' || draft.data.attempt > 1) return bench.client.send(draft);
      await bench.client.send({ ...draft, data: { ...draft.data, executor: clientId(999) } });
      const sent = await bench.client.send(draft);
      setImmediate(() => refused?.());
      return sent;
    },
  };
  const { responder, call, calls } = scripted();
  await bench.start(responder, 1, { client });
  const { reply } = await bench.ask();
  await left;
  await bench.seen('ReplyStarted', reply);
  expect(calls).toEqual([]);
  bench.passTime();
  const speaker = await call(0);
  speaker.say('after all');
  speaker.end();
  await bench.seen('ReplyCompleted', reply);
  expect(bench.story(reply)).toEqual(['ReplyStarted 1', 'ReplyStarted 2', 'ReplyCompleted 2']);
  expect(bench.failures).toEqual([]);
});
