import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentOf, personKey } from '../../domain/content.js';
import { streamOf } from '../../domain/ids.js';
import { type Harness, startHarness } from '../testing.js';
import { type Scene, act, bare, fourPeople, join, makeScene, post, relate } from './testing.js';

// Threads: pages from a leaf and around a message, the branch that the viewer chose, and what stands in a message.

let harness: Harness;
let ana: string, bert: string;
let scene: Scene;
/** The ids of a chain of 12 messages, oldest first. */
let chain: string[];

beforeAll(async () => {
  harness = await startHarness();
  [ana, bert] = fourPeople(harness);
  await harness.ask(bert, '{ viewer { email } }');
  scene = await makeScene(harness, ana, 'First');
  chain = [scene.message, scene.reply];
  while (chain.length < 12) {
    const { message, reply } = await post(harness, ana, scene, chain.at(-1) ?? '');
    chain.push(message, reply);
  }
}, 60_000);
afterAll(() => harness.stop());

type Page = { ids: string[]; before: string | null; newer: string | null };

async function page(args: string, of: Scene = scene, who = ana): Promise<Page | string | undefined> {
  const { data, errors } = await harness.ask(
    who,
    `query ($id: ID!) { conversation(id: $id) { thread(${args}) { messages { id } before newer } } }`,
    { id: of.conversation },
  );
  if (errors) return errors[0]?.extensions?.code;
  const { conversation } = JSON.parse(JSON.stringify(data));
  const { messages, before, newer } = conversation.thread;
  return { ids: messages.map(({ id }: { id: string }) => id), before, newer };
}

describe('a page around a message', () => {
  it('has it in the middle, and tells where to go on either way', async () => {
    expect(await page(`around: "${chain[5]}", first: 5`)).toEqual({
      ids: chain.slice(3, 8),
      before: chain[3],
      newer: chain[7],
    });
    expect(await page(`around: "${chain[5]}", first: 1`)).toEqual({
      ids: [chain[5]],
      before: chain[5],
      newer: chain[5],
    });
    expect(await page(`around: "${chain[5]}", first: 2`)).toEqual({
      ids: chain.slice(5, 7),
      before: chain[5],
      newer: chain[6],
    });
  });

  it('is filled up with older ones at the end, and ends at the root', async () => {
    expect(await page(`around: "${chain[11]}", first: 5`)).toEqual({
      ids: chain.slice(7),
      before: chain[7],
      newer: null,
    });
    expect(await page(`around: "${chain[10]}", first: 4`)).toEqual({
      ids: chain.slice(8),
      before: chain[8],
      newer: null,
    });
    expect(await page(`around: "${chain[0]}", first: 5`)).toEqual({
      ids: chain.slice(0, 3),
      before: null,
      newer: chain[2],
    });
    expect(await page(`around: "${chain[4]}", first: 100`)).toEqual({ ids: chain, before: null, newer: null });
  });

  it('leads through the whole branch, each message at least once', async () => {
    const seen: string[] = [];
    for (let around: string | null | undefined = chain[0]; around != null;) {
      const found: Page | string | undefined = await page(`around: "${around}", first: 4`);
      if (typeof found !== 'object') throw new Error(`no page: ${found}`);
      seen.push(...found.ids);
      around = found.newer;
    }
    expect(new Set(seen)).toEqual(new Set(chain));
  });

  it('is empty around a message of another conversation, and refused around what is no message', async () => {
    const other = await makeScene(harness, ana, 'Other');
    const none = { ids: [], before: null, newer: null };
    for (const where of ['around', 'leaf', 'before']) {
      expect(await page(`${where}: "${other.message}"`)).toEqual(none);
      expect(await page(`${where}: "${harness.newId(ana)}"`)).toBe('BAD_ID');
    }
    expect(await page(`around: "${chain[3]}", leaf: "${chain[4]}"`)).toBe('BAD_INPUT');
    expect(await page(`around: "${chain[3]}", first: 101`)).toBe('BAD_INPUT');
  });
});

describe('the branch that the viewer chose', () => {
  it('is where the thread ends, for them alone, and goes on as it grows; else it is the newest message', async () => {
    const forked = await makeScene(harness, ana, 'Forked');
    await join(harness, forked, bert, 'writer');
    const { message } = await post(harness, ana, forked, forked.reply);
    const other = await post(harness, ana, forked, forked.reply);
    const leafOf = async (who: string) => {
      const { data } = await harness.ask(
        who,
        'query ($id: ID!) { conversation(id: $id) { leaf head thread { messages { id } } } }',
        { id: forked.conversation },
      );
      const { leaf, head, thread } = JSON.parse(JSON.stringify(data)).conversation;
      expect(thread.messages.at(-1).id).toBe(leaf);
      return { leaf, head };
    };
    expect(await leafOf(ana)).toEqual({ leaf: other.reply, head: other.reply });

    const choose = (who: string, leaf: string) =>
      relate(harness, who, forked.conversation, {
        type: 'ChooseBranch',
        data: { conversation: bare(forked.conversation), leaf: bare(leaf) },
      });
    await choose(ana, message);
    const { leaf: chosen } = await leafOf(ana);
    expect(chosen).not.toBe(other.reply);
    expect(await leafOf(bert)).toEqual({ leaf: other.reply, head: other.reply });

    const grown = await post(harness, ana, forked, chosen);
    const aside = await post(harness, bert, forked, other.reply);
    expect(await leafOf(ana)).toEqual({ leaf: grown.reply, head: aside.reply });

    // It is in nobody's view: the newest message it is then.
    await choose(bert, `message_${harness.newId(ana)}`);
    expect(await leafOf(bert)).toEqual({ leaf: aside.reply, head: aside.reply });
  });
});

describe('a message', () => {
  it('tells how its reply ended, and what the viewer alone thinks of it', async () => {
    const rated = await makeScene(harness, ana, 'Rated');
    await join(harness, rated, bert, 'reader');
    const user = harness.userOf(bert);
    const say = (value: 'up' | 'none', comment: string | null) =>
      act(harness, {
        actor: user,
        stream: streamOf('conversation', bare(rated.conversation)),
        key: personKey(user),
        type: 'GiveFeedback',
        data: {
          message: bare(rated.reply),
          value,
          comment: comment === null ? null : { plain: comment, content: contentOf.feedback(bare(rated.reply), user) },
          chars: comment?.length ?? 0,
        },
      });
    const look = async (who: string) => {
      const query = `query ($id: ID!) { node(id: $id) { ... on Message { reply { status model finish tokens } feedback { value comment } } } }`;
      return (await harness.ask(who, query, { id: rated.reply })).data;
    };
    const reply = { status: 'COMPLETED', model: 'a model', finish: 'STOP', tokens: 7 };
    await say('up', 'Clear words');
    expect(await look(bert)).toEqual({ node: { reply, feedback: { value: 'UP', comment: 'Clear words' } } });
    expect(await look(ana)).toEqual({ node: { reply, feedback: null } });
    await say('up', null);
    expect(await look(bert)).toEqual({ node: { reply, feedback: { value: 'UP', comment: null } } });
    await say('none', null);
    expect(await look(bert)).toEqual({ node: { reply, feedback: null } });
  });

  it('that was copied opens, and so does the copy of a copy', async () => {
    const user = harness.userOf(ana);
    const copyOf = async (from: string, source: string) => {
      const [row] = await harness.core.messages([bare(source)]);
      if (!row) throw new Error('nothing to copy');
      const [conversation, message] = [harness.newId(ana), harness.newId(ana)];
      const stream = streamOf('conversation', conversation);
      await act(harness, {
        actor: user,
        stream,
        key: personKey(user),
        type: 'ForkConversation',
        data: {
          title: { plain: 'A fork', content: contentOf.title(conversation) },
          chars: 6,
          origin: { conversation: bare(from), message: bare(source) },
        },
      });
      const { author, parts } = row;
      const messages = [{ message, parent: null, author, parts, source: row.source ?? row.id }];
      await act(harness, { actor: user, stream, type: 'CopyMessages', data: { messages } });
      const { data } = await harness.ask(
        ana,
        'query ($id: ID!) { conversation(id: $id) { origin { conversation message } unread thread { messages { author { name } parts { ... on TextPart { text } } } } } }',
        { id: `conversation_${conversation}` },
      );
      expect(data).toEqual({
        conversation: {
          origin: { conversation: from, message: source },
          unread: 0,
          thread: { messages: [{ author: { name: ana }, parts: [{ text: 'First' }] }] },
        },
      });
      return { conversation: `conversation_${conversation}`, message: `message_${message}` };
    };
    const once = await copyOf(scene.conversation, scene.message);
    await copyOf(once.conversation, once.message);
  });
});

it('has met no fault of the server', () => {
  expect(harness.failures).toEqual([]);
});
