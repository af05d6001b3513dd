import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentOf, conversationKey, personKey } from '../../domain/content.js';
import { bucketOf, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import type { CommandClient } from '../client/client.js';
import { T0, ada, nextId } from '../worker/testing.js';
import { quick } from './models/testing.js';
import { type Bench, type Process, openBench } from './testing.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const bob = clientId(2, 0x900);
const DAY = 24 * 3600_000;
const later = new Date(T0 + DAY).toISOString();

const start = (kinds: Process['kinds'], more: Partial<Process> = {}, name = 1) =>
  bench.start(quick().responder, name, { kinds, ...more });

const register = (person: string): Promise<void> =>
  bench.send({
    id: nextId(person),
    actor: person,
    stream: streamOf('user', person),
    key: personKey(person),
    type: 'RegisterUser',
    data: { name: { plain: 'A name', content: contentOf.name(person) }, chars: 6 },
  });
const erase = (person: string): Promise<void> =>
  bench.send({
    id: nextId(person),
    actor: person,
    stream: streamOf('user', person),
    type: 'EraseUser',
    data: { by: person },
  });
const letIn = (conversation: string, owner: string, user: string): Promise<void> =>
  bench.send({
    id: nextId(conversation),
    actor: owner,
    stream: streamOf('conversation', conversation),
    type: 'AddMember',
    data: { user, role: 'writer' },
  });

/** What became of a conversation, from an event on, in a word for each. */
const storyOf = (conversation: string): readonly string[] =>
  bench.events.flatMap(({ stream, type, data }) => {
    if (stream !== streamOf('conversation', conversation)) return [];
    if (type === 'MemberErased') return [`${data.user === ada ? 'ada' : 'bob'} erased`];
    if (type === 'MemberRoleChanged') return [`${data.user === ada ? 'ada' : 'bob'} ${data.role}`];
    return type === 'ConversationDeleted' ? ['deleted'] : [];
  });

/** The texts of a person, opened: their name, titles and messages. */
const textsOf = (person: string): Promise<readonly (string | null)[]> =>
  bench.open(
    bench.events.flatMap(({ stream, type, data }) => {
      if (type === 'UserRegistered' && stream === streamOf('user', person)) {
        return [{ sealed: data.name, content: contentOf.name(person) }];
      }
      if (type === 'ConversationStarted' && data.starter === person) {
        return [{ sealed: data.title, content: data.title.content }];
      }
      if (type !== 'MessagePosted' || data.author !== person) return [];
      return data.parts.map(({ text }, at) => ({ sealed: text, content: contentOf.part(data.message, at) }));
    }),
  );

/** Ada has a conversation, one with Bob, one that expires, and is in one of Bob's. */
async function world() {
  await register(ada);
  await register(bob);
  const own = (await bench.ask()).conversation;
  const shared = (await bench.ask()).conversation;
  const brief = (await bench.ask(later)).conversation;
  const theirs = (await bench.ask(null, bob)).conversation;
  const strange = (await bench.ask(null, bob)).conversation;
  const joining = await start(['membership'], {}, 8);
  await letIn(shared, ada, bob);
  await letIn(theirs, bob, ada);
  await bench.seen('MembershipTold', undefined, 2);
  return { own, shared, brief, theirs, strange, joining };
}

describe('the erasure of a person', () => {
  it('destroys their key and takes them out of every conversation, and says so', async () => {
    const { own, shared, brief, theirs, strange } = await world();
    const before = await textsOf(bob);
    expect(await textsOf(ada)).not.toContain(null);
    await erase(ada);
    await start(['erasure']);
    const [completed] = await bench.seen('ErasureCompleted');
    expect(completed).toMatchObject({
      stream: streamOf('user', ada),
      actor: 'system',
      data: { conversations: 4, backupsUntil: new Date(T0 + 30 * DAY).toISOString() },
    });
    expect(new Set(await textsOf(ada))).toEqual(new Set([null]));
    expect(await textsOf(bob)).toEqual(before);
    expect(storyOf(own)).toEqual(['ada erased', 'deleted']);
    expect(storyOf(brief)).toEqual(['ada erased', 'deleted']);
    expect(storyOf(shared)).toEqual(['ada erased', 'bob owner']);
    expect(storyOf(theirs)).toEqual(['ada erased']);
    expect(storyOf(strange)).toEqual([]);
    for (const key of [personKey(ada), conversationKey(brief)]) {
      await expect(bench.keys.ensure(key)).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
    }
    expect(bench.failures).toEqual([]);
  });

  it('has the heir of a conversation told, and nobody else', async () => {
    const { shared } = await world();
    await erase(ada);
    await start(['erasure']);
    await bench.seen('ErasureCompleted');
    await bench.seen('MembershipTold', undefined, 3);
    await bench.quiet();
    const told = bench.events.flatMap(({ type, data }) => (type === 'MembershipTold' ? [data.user] : []));
    expect(told.slice(2)).toEqual([bob]);
    const heir = bench.events.findLast(({ type }) => type === 'MembershipJoined');
    expect(heir?.data).toMatchObject({ conversation: shared, user: bob, role: 'owner' });
  });

  it('destroys the key before anything else, so that it is gone whatever comes next', async () => {
    await register(ada);
    await bench.ask();
    const failing: Process['relations'] = async () => {
      await expect(bench.keys.ensure(personKey(ada))).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
      throw new Error('the view is behind');
    };
    await erase(ada);
    const first = await start(['erasure'], { relations: failing });
    await expect.poll(() => bench.failures.length).toBeGreaterThan(0);
    await first.stop();
    expect(bench.failures[0]).toMatchObject({ message: 'the view is behind' });
    await start(['erasure'], {}, 2);
    const [completed] = await bench.seen('ErasureCompleted');
    expect(completed?.data).toMatchObject({ conversations: 1 });
  });

  it('does not say that it is over while a conversation refuses', async () => {
    const { theirs } = await world();
    let refused = 0;
    const client: CommandClient = {
      send: async (draft) => {
        if (draft.stream !== streamOf('conversation', theirs) || refused >= 2) return bench.client.send(draft);
        refused += 1;
        return { status: 'rejected', code: 'FAILED', message: 'Something is broken.' };
      },
    };
    await erase(ada);
    await start(['erasure'], { client });
    await bench.seen('ErasureCompleted');
    expect(refused).toBe(2);
    expect(bench.failures).toHaveLength(2);
    expect(storyOf(theirs)).toEqual(['ada erased']);
    expect(bench.events.filter(({ type }) => type === 'ErasureCompleted')).toHaveLength(1);
  });
});

describe('what comes to light after an erasure', () => {
  it('is a membership that was on its way: it is ended at both homes', async () => {
    const { strange, joining } = await world();
    await joining.stop();
    await letIn(strange, bob, ada);
    await bench.seen('MemberAdded', undefined, 3);
    await erase(ada);
    await start(['erasure']);
    await bench.seen('ErasureCompleted');
    expect(storyOf(strange)).toEqual([]);
    // Only now the news of it come to Ada's home.
    await start(['membership'], {}, 9);
    await bench.seen('MembershipLeft');
    expect(storyOf(strange)).toEqual(['ada erased']);
    const view = bench.view();
    await expect.poll(() => view.owed().filter(({ kind }) => kind === 'erasure')).toEqual([]);
    expect(bench.failures).toEqual([]);
  });

  it('comes to light as often as somebody lets them in again', async () => {
    const { strange } = await world();
    await erase(ada);
    await start(['erasure']);
    await bench.seen('ErasureCompleted');
    for (const times of [1, 2]) {
      await letIn(strange, bob, ada);
      await bench.seen('MembershipLeft', undefined, times);
    }
    expect(storyOf(strange)).toEqual(['ada erased', 'ada erased']);
    const view = bench.view();
    await expect.poll(() => view.owed().filter(({ kind }) => kind === 'erasure')).toEqual([]);
  });

  it('is a conversation that was being started: it is deleted, and its own key destroyed', async () => {
    await register(ada);
    await erase(ada);
    await start(['erasure']);
    await bench.seen('ErasureCompleted');
    const { conversation } = await bench.ask(later, ada);
    await expect.poll(() => storyOf(conversation)).toEqual(['ada erased', 'deleted']);
    await expect(bench.keys.ensure(conversationKey(conversation))).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
    const view = bench.view();
    await expect.poll(() => view.owed().filter(({ kind }) => kind === 'erasure')).toEqual([]);
    expect(bucketOf(conversation)).toBe(bucketOf(ada));
  });
});
