import { afterAll, beforeAll, expect, it } from 'vitest';
import { streamOf } from '../../domain/ids.js';
import { core } from '../../projections/readmodel/core/core.js';
import { type Harness, startHarness } from '../testing.js';
import { bare, makeScene } from './testing.js';

let harness: Harness;
/** A projection that does not take a title which was given twice. */
const spoiled: typeof core = {
  ...core,
  apply: async (events, stage) => {
    if (events.some(({ event }) => event.type === 'ConversationRenamed')) throw new Error('no titles here');
    return core.apply(events, stage);
  },
};
beforeAll(async () => {
  harness = await startHarness({ core: spoiled });
}, 60_000);
afterAll(() => harness.stop());

const ops = { claims: { roles: ['user', 'ops'] } };
const LAG = '{ lag { view generation home offset end behind parked } }';
const DEAD_LETTERS = '{ deadLetters { view home stream offset event type at waiting error { name message } } }';

it('tells those who run the installation how far each view is, and nobody else', async () => {
  await makeScene(harness, 'ana');
  const { data, errors } = await harness.ask('ana', LAG, {}, ops);
  expect(errors).toBeUndefined();
  const { lag } = JSON.parse(JSON.stringify(data));
  expect(lag).toHaveLength(4);
  expect(lag.map(({ home }: { home: number }) => home)).toEqual([0, 1, 2, 3]);
  for (const each of lag) expect(each).toMatchObject({ view: 'core', generation: 1, behind: each.end - each.offset });
  for (const roles of [[], ['user'], ['user', 'analyst']]) {
    for (const query of [LAG, DEAD_LETTERS]) {
      const refused = await harness.ask('ana', query, {}, { claims: { roles } });
      expect(refused.data).toBeNull();
      expect(refused.errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
    }
  }
});

it('tells what a view has parked, and why; the rest goes on', async () => {
  const { conversation } = await makeScene(harness, 'ana', 'Stuck');
  const sent = await harness.client.send({
    id: harness.newId('ana'),
    actor: harness.userOf('ana'),
    stream: streamOf('conversation', bare(conversation)),
    key: `user-${harness.userOf('ana')}`,
    type: 'RenameConversation',
    data: { title: { plain: 'Twice', content: `${bare(conversation)}/title` }, chars: 5 },
  });
  if (sent.status !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(sent)}`);
  await harness.core.reached(sent.position, 10_000);
  expect((await harness.ask('ana', DEAD_LETTERS, {}, ops)).data).toEqual({
    deadLetters: [
      {
        view: 'core',
        home: sent.position.partition,
        stream: `conversation-${bare(conversation)}`,
        offset: expect.any(Number),
        event: expect.stringMatching(/^[0-9a-f-]{36}$/),
        type: 'ConversationRenamed',
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        waiting: 0,
        error: { name: 'Error', message: 'no titles here' },
      },
    ],
  });
  const lag = JSON.stringify((await harness.ask('ana', LAG, {}, ops)).data);
  expect(lag).toContain('"parked":1');
  await makeScene(harness, 'ana', 'Goes on');
});
