import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentOf, conversationKey, personKey } from '../../domain/content.js';
import { streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import { T0, ada, nextId } from '../worker/testing.js';
import { quick } from './models/testing.js';
import type { ReadBranch, Titler } from './reactor.js';
import { type Bench, type Process, openBench } from './testing.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

type Answer = () => Promise<string>;

/** A titler that says one thing after the other, and what it was asked. */
function titlerOf(...answers: readonly Answer[]) {
  const asked: unknown[] = [];
  const titler: Titler = {
    endpoint: 'test',
    model: 'namer',
    title: (turns) => (answers[asked.push(turns) - 1] ?? (() => Promise.reject(new Error('asked too often'))))(),
  };
  return { titler, asked };
}

const start = (titler: Titler, more: Partial<Process> = {}, name = 1) =>
  bench.start(quick().responder, name, { kinds: ['reply', 'title'], titler, ...more });

/** The story of all titles, in a word for each event. */
const story = (): readonly string[] =>
  bench.events.flatMap(({ type, data }) => {
    if (type === 'ConversationRenamed') return [`${type} ${data.by}`];
    if (type === 'TitleStarted') return [`${type} ${data.attempt}`];
    return type === 'TitleFailed' ? [`${type} ${data.attempt} ${data.code}`] : [];
  });

/** The title as it stands, opened. */
async function titleOf(conversation: string): Promise<string | null | undefined> {
  const [last] = bench.events.flatMap(({ data }) => ('title' in data ? [data.title] : [])).slice(-1);
  return last && (await bench.open([{ sealed: last, content: contentOf.title(conversation) }]))[0];
}

const rename = (conversation: string): Promise<void> =>
  bench.send({
    id: nextId(),
    actor: ada,
    key: personKey(ada),
    stream: streamOf('conversation', conversation),
    type: 'RenameConversation',
    data: { title: { plain: 'My own', content: contentOf.title(conversation) }, chars: 6 },
  });

const failing: Answer = () => Promise.reject(new Error('no idea'));

describe('a title', () => {
  it('is made of the first exchange, once, and sealed under the key of who started the conversation', async () => {
    const { titler, asked } = titlerOf(async () => '  A  good\ntitle ');
    await start(titler);
    const { conversation } = await bench.ask();
    await bench.seen('ConversationRenamed');
    await bench.quiet();
    expect(story()).toEqual(['TitleStarted 1', 'ConversationRenamed automatic']);
    expect(asked).toEqual([[{ role: 'user', text: 'Say something.' }]]);
    const [begun] = await bench.seen('TitleStarted');
    expect(begun?.data).toEqual({ attempt: 1, executor: clientId(901), endpoint: 'test', model: 'namer' });
    const [renamed] = await bench.seen('ConversationRenamed');
    expect(renamed?.data).toMatchObject({ title: { key: personKey(ada) }, chars: 12 });
    expect(await titleOf(conversation)).toBe('A good title');
    expect(bench.failures).toEqual([]);
  });

  it('is cut to what a title may be, and no character in half', async () => {
    await start(titlerOf(async () => `${'x'.repeat(199)}😀😀`).titler);
    const { conversation } = await bench.ask();
    await bench.seen('ConversationRenamed');
    expect(await titleOf(conversation)).toBe('x'.repeat(199));
  });

  it('of a temporary conversation is sealed under its own key', async () => {
    await start(titlerOf(async () => 'For a while').titler);
    const { conversation } = await bench.ask(new Date(T0 + 1_000_000).toISOString());
    const [renamed] = await bench.seen('ConversationRenamed');
    expect(renamed?.data).toMatchObject({ title: { key: conversationKey(conversation) } });
    expect(await titleOf(conversation)).toBe('For a while');
  });

  it('gives way to a person who names the conversation meanwhile', async () => {
    let say: ((title: string) => void) | undefined;
    const { titler, asked } = titlerOf(() => new Promise((resolve) => (say = resolve)));
    await start(titler);
    const { conversation } = await bench.ask();
    await expect.poll(() => asked).toHaveLength(1);
    await rename(conversation);
    say?.('Too late');
    await bench.quiet();
    expect(story()).toEqual(['TitleStarted 1', 'ConversationRenamed person']);
    expect(await titleOf(conversation)).toBe('My own');
    expect(bench.failures).toEqual([]);
  });

  it('is not asked for where a person has named the conversation before its first reply', async () => {
    const { conversation } = await bench.ask();
    await rename(conversation);
    const { titler, asked } = titlerOf();
    await start(titler);
    await bench.seen('ReplyCompleted');
    await bench.quiet();
    expect(asked).toEqual([]);
    expect(story()).toEqual(['ConversationRenamed person']);
  });
});

it('a title whose branch cannot be read yet is made in the same attempt, when it can', async () => {
  // The fourth one comes after all attempts that there are would be used up.
  const reads = [1, 2, 3].map((n) => () => Promise.reject(new Error(`behind ${n}`)));
  const replied = (leaf: string): boolean => bench.events.some(({ data }) => 'parent' in data && data.parent === leaf);
  const branch: ReadBranch = async (_, leaf) =>
    (replied(leaf) ? undefined : reads.shift()?.()) ?? [{ role: 'user', text: 'Say something.' }];
  await start(titlerOf(async () => 'At last').titler, { branch });
  await bench.ask();
  await expect.poll(() => (bench.passTime(10_000), story())).toContain('ConversationRenamed automatic');
  expect(story()).toEqual(['TitleStarted 1', 'ConversationRenamed automatic']);
  expect(bench.failures).toMatchObject([{ message: 'behind 1' }, { message: 'behind 2' }, { message: 'behind 3' }]);
});

describe('a titler that fails', () => {
  it('is asked again after a while, each time a while longer', async () => {
    const waits: number[] = [];
    const wait = async (ms: number): Promise<void> => {
      // How long it may take is not waited for here.
      if (ms > 50_000) return new Promise(() => undefined);
      waits.push(ms);
      await turn();
    };
    await start(
      titlerOf(
        failing,
        async () => '   ',
        async () => 'At last',
      ).titler,
      { wait },
    );
    const { conversation } = await bench.ask();
    await bench.seen('ConversationRenamed');
    expect(story()).toEqual(['TitleStarted 1', 'TitleStarted 2', 'TitleStarted 3', 'ConversationRenamed automatic']);
    expect(waits.filter((ms) => ms >= 1_000)).toEqual([2_000, 4_000]);
    expect(bench.failures).toMatchObject([{ message: 'no idea' }, { message: 'the title is blank' }]);
    expect(await titleOf(conversation)).toBe('At last');
  });

  it('three times is not asked again: the title that the conversation began with stays', async () => {
    const { titler, asked } = titlerOf(failing, failing, failing);
    await start(titler);
    const { conversation } = await bench.ask();
    await expect.poll(() => (bench.passTime(10_000), story())).toContain('TitleFailed 3 TITLER_FAILED');
    await bench.quiet();
    expect(asked).toHaveLength(3);
    expect(story().filter((each) => each.startsWith('TitleStarted'))).toHaveLength(3);
    expect(await titleOf(conversation)).toBe('Say');
  });

  it('and then hangs is not waited for without end', async () => {
    await start(
      titlerOf(
        () => new Promise(() => undefined),
        async () => 'At last',
      ).titler,
    );
    await bench.ask();
    await bench.seen('TitleStarted');
    await expect.poll(() => (bench.passTime(), bench.failures)).toMatchObject([{ message: 'no title came in time' }]);
    await expect.poll(() => (bench.passTime(10_000), story())).toContain('ConversationRenamed automatic');
  });

  it('is not asked again by a process that starts anew, once it has had its three attempts', async () => {
    const hanging: Answer = () => new Promise(() => undefined);
    for (const attempt of [1, 2, 3]) {
      const { titler, asked } = titlerOf(hanging);
      const process = await start(titler, {}, attempt);
      if (attempt === 1) await bench.ask();
      await expect.poll(() => (bench.passTime(10_000), asked)).toHaveLength(1);
      await process.stop();
    }
    const { titler, asked } = titlerOf();
    await start(titler, {}, 4);
    await expect.poll(() => (bench.passTime(10_000), story())).toContain('TitleFailed 3 ABANDONED');
    expect(asked).toEqual([]);
  });
});

it('a title whose key is gone is given up at once, without a second try', async () => {
  const { titler, asked } = titlerOf(async () => {
    await bench.keys.destroy(personKey(ada));
    return 'Too late';
  });
  await start(titler);
  await bench.ask();
  await bench.seen('TitleFailed');
  expect(story()).toEqual(['TitleStarted 1', 'TitleFailed 1 TITLE_REFUSED']);
  expect(asked).toHaveLength(1);
});
