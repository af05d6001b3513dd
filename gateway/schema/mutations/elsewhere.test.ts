import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, startHarness } from '../../testing.js';
import { type World, eventsOf, makeWorld, tell } from './testing.js';

// A message is found by its id alone, so the id of one in another conversation would bring that one's place.

let harness: Harness;
let [there, here]: World[] = [];
beforeAll(async () => {
  harness = await startHarness();
  there = await makeWorld(harness, 'ana');
  here = await makeWorld(harness, 'ana');
}, 60_000);
afterAll(() => harness.stop());

const newMessage = (): string => `message_${harness.newId('ana')}`;

it.each([
  ['conversationStart', 'message', () => ({ conversation: `conversation_${harness.newId('ana')}`, text: 'Mine' })],
  ['conversationStart', 'reply', () => ({ conversation: `conversation_${harness.newId('ana')}`, text: 'Mine' })],
  ['messagePost', 'message', () => ({ conversation: here?.conversation, parent: here?.reply, text: 'Mine' })],
  ['messagePost', 'reply', () => ({ conversation: here?.conversation, parent: here?.reply, text: 'Mine' })],
  ['replyRequest', 'reply', () => ({ conversation: here?.conversation, parent: here?.message })],
])('%s takes no id of a message elsewhere as that of its %s', async (field, place, more) => {
  const before = await eventsOf(harness);
  const ids = field === 'replyRequest' ? {} : { message: newMessage(), reply: newMessage() };
  const input = { commandId: harness.newId('ana'), ...ids, ...more(), [place]: there?.message };
  expect(await tell(harness, 'ana', field, input)).toMatchObject({ code: 'ID_TAKEN' });
  expect(await eventsOf(harness)).toEqual(before);
});
