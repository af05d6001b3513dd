import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CommandClient } from '../../../commands/client/client.js';
import { type Position, Refused } from '../../../commands/command.js';
import { personKey } from '../../../domain/content.js';
import { type Uuid, isClientId, streamOf } from '../../../domain/ids.js';
import { type Harness, startConversation, startHarness } from '../../testing.js';
import { copyId } from './fork.js';
import { type World, answer, bare, doIt, eventsOf, makeWorld, tell, textPart } from './testing.js';

type Send = CommandClient['send'];

let harness: Harness;
/** What stands between the gateway and the owners. */
let between: (send: Send) => Send = (send) => send;
beforeAll(async () => {
  harness = await startHarness({
    commands: (real) => ({ send: (draft) => between(real.send)(draft) }),
    outcome: (real) => (command) => (away ? Promise.reject(away) : real(command)),
  });
}, 60_000);
let away: Error | undefined;
afterAll(() => harness.stop());

const newId = (subject = 'ana'): Uuid => harness.newId(subject);

/** Lets a conversation grow by so many messages and replies, without the detour over the wire. */
async function grow({ owner, conversation, reply }: World, exchanges: number, text = 'word'): Promise<readonly Uuid[]> {
  const stream = streamOf('conversation', bare(conversation));
  const user = harness.userOf(owner);
  const grown: Uuid[] = [];
  let parent = bare(reply);
  let position: Position | undefined;
  for (let n = 1; n <= exchanges; n++) {
    const [message, next] = [newId(owner), newId(owner)];
    await harness.client.send({
      id: newId(owner),
      actor: user,
      stream,
      key: personKey(user),
      type: 'PostMessage',
      data: { message, reply: next, parent, parts: [textPart(message, `${text} ${n}`)], fork: false },
    });
    position = await answer(harness, owner, bare(conversation), next, `answer ${n}`);
    grown.push(message, next);
    parent = next;
  }
  if (position) await harness.core.reached(position, 30_000);
  return grown;
}

const wishFor = (world: World, leaf: string, more: object = {}, who = 'ana') => {
  const conversation = newId(who);
  return {
    commandId: newId(who),
    conversation: `conversation_${conversation}`,
    origin: world.conversation,
    leaf,
    ...more,
  };
};

/** What was copied into a conversation, in order, by what it was copied from; and in how many pieces. */
async function copied(conversation: string): Promise<{ sources: readonly Uuid[]; pieces: readonly number[] }> {
  const stream = streamOf('conversation', bare(conversation));
  const messages = (await eventsOf(harness))
    .filter((event) => event.stream === stream && event.type === 'MessagesCopied')
    .map(({ data }) => ('messages' in data && Array.isArray(data.messages) ? data.messages : []));
  return { sources: messages.flat().map(({ source }) => source), pieces: messages.map(({ length }) => length) };
}

const fork = (input: object, who = 'ana') => tell(harness, who, 'conversationFork', input);
const accepted = { __typename: 'Accepted', position: expect.any(String) };

describe('a fork', () => {
  let world: World;
  let branch: readonly Uuid[];
  beforeAll(async () => {
    world = await makeWorld(harness, 'ana', 'The first');
    branch = [bare(world.message), bare(world.reply), ...(await grow(world, 149))];
  }, 60_000);

  it('has the branch up to its leaf, each message once and below the copy of its parent', async () => {
    const wish = wishFor(world, `message_${branch[5]}`, { title: 'From here' });
    expect(await fork(wish)).toEqual(accepted);
    expect((await copied(wish.conversation)).sources).toEqual(branch.slice(0, 6));
    const conversation = bare(wish.conversation);
    await expect.poll(() => harness.core.messages([copyId(conversation, branch[5] ?? '')])).toHaveLength(1);
    const rows = await harness.core.branch(conversation, copyId(conversation, branch[5] ?? ''), 10, true);
    expect(rows.map(({ id, parent }) => [id, parent])).toEqual(
      [5, 4, 3, 2, 1, 0].map((at) => [
        copyId(conversation, branch[at] ?? ''),
        at === 0 ? null : copyId(conversation, branch[at - 1] ?? ''),
      ]),
    );
    expect(rows.every(({ id }) => isClientId(id))).toBe(true);
  });

  it('shows what was said, in a fork of a fork too', async () => {
    const first = wishFor(world, `message_${branch[1]}`, { title: 'A fork' });
    expect(await fork(first)).toEqual(accepted);
    const leaf = copyId(bare(first.conversation), branch[1] ?? '');
    await expect.poll(() => harness.core.messages([leaf])).toHaveLength(1);
    const second = wishFor({ ...world, conversation: first.conversation }, `message_${leaf}`);
    expect(await fork(second)).toEqual(accepted);
    for (const { conversation, commandId } of [first, second]) {
      const { data } = await harness.ask(
        'ana',
        `query ($id: ID!, $command: UUID!) {
          commandOutcome(id: $command) { ... on Accepted { conversation { title } } }
          conversation(id: $id) { origin { message } thread { messages { author { name } parts { ... on TextPart { text } } } } }
        }`,
        { id: conversation, command: commandId },
      );
      expect(data).toMatchObject({
        commandOutcome: { conversation: { title: 'A fork' } },
        conversation: {
          thread: {
            messages: [
              { author: { name: 'ana' }, parts: [{ text: 'The first' }] },
              { author: null, parts: [{ text: 'An answer to The first' }] },
            ],
          },
        },
      });
    }
  });

  it('of a long branch comes in pieces, root first, and the same again adds nothing', async () => {
    const wish = wishFor(world, `message_${branch.at(-1)}`);
    const first = await fork(wish);
    expect(first).toEqual(accepted);
    expect(await copied(wish.conversation)).toEqual({ sources: branch, pieces: [100, 100, 100] });
    const { length } = await eventsOf(harness);
    expect(await fork(wish)).toEqual(first);
    expect(await eventsOf(harness)).toHaveLength(length);
  });

  it('that was cut in the middle goes on where it was, whatever its origin is called by then', async () => {
    const wish = wishFor(world, `message_${branch.at(-1)}`);
    let copies = 0;
    between = (send) => async (draft) => {
      if (draft.type === 'CopyMessages') copies += 1;
      return copies === 2 ? { status: 'pending', command: draft.id } : send(draft);
    };
    expect(await fork(wish)).toEqual({ __typename: 'Pending', commandId: wish.commandId });
    expect((await copied(wish.conversation)).pieces).toEqual([100]);
    const outcome = () =>
      harness.ask('ana', 'query ($id: UUID!) { commandOutcome(id: $id) { __typename } }', { id: wish.commandId });
    expect((await outcome()).data).toEqual({ commandOutcome: null });
    between = (send) => send;

    await doIt(harness, 'ana', 'conversationRename', {
      commandId: newId(),
      conversation: world.conversation,
      title: 'Another name',
    });
    const sent: string[] = [];
    between = (send) => (draft) => {
      sent.push(draft.type);
      return send(draft);
    };
    expect(await fork(wish)).toEqual(accepted);
    between = (send) => send;
    expect(sent).toEqual(['CopyMessages', 'CopyMessages']);
    expect(await copied(wish.conversation)).toEqual({ sources: branch, pieces: [100, 100, 100] });
    expect((await outcome()).data).toEqual({ commandOutcome: { __typename: 'Accepted' } });
  });

  it('whose answers were lost doubles nothing', async () => {
    const wish = wishFor(world, `message_${branch.at(-1)}`);
    // Each is done, and its sender hears nothing of it.
    between = (send) => async (draft) => {
      await send(draft);
      return { status: 'pending', command: draft.id };
    };
    for (let n = 0; n < 4; n++) expect(await fork(wish)).toMatchObject({ __typename: 'Pending' });
    between = (send) => send;
    expect(await fork(wish)).toEqual(accepted);
    expect(await copied(wish.conversation)).toEqual({ sources: branch, pieces: [100, 100, 100] });
  });

  it('that takes too long says so, and is carried on by the next sending', async () => {
    const wish = wishFor(world, `message_${branch.at(-1)}`);
    between = (send) => async (draft) => {
      const sent = await send(draft);
      if (draft.type === 'CopyMessages') vi.spyOn(Date, 'now').mockReturnValue(Date.parse('2100-01-01T00:00:00Z'));
      return sent;
    };
    const pieces: number[] = [];
    const answers: unknown[] = [];
    for (let n = 0; n < 3; n++) {
      answers.push(await fork(wish));
      vi.restoreAllMocks();
      pieces.push((await copied(wish.conversation)).pieces.length);
    }
    between = (send) => send;
    expect(pieces).toEqual([1, 2, 3]);
    expect(answers).toMatchObject([{ __typename: 'Pending' }, { __typename: 'Pending' }, { __typename: 'Accepted' }]);
  });

  it('cannot be another fork under the same id', async () => {
    const wish = wishFor(world, `message_${branch[3]}`, { title: 'One' });
    expect(await fork(wish)).toEqual(accepted);
    expect(await fork({ ...wish, title: 'Two' })).toMatchObject({ code: 'COMMAND_ID_REUSED' });
    expect(await fork({ ...wish, leaf: `message_${branch[1]}` })).toMatchObject({ code: 'ID_TAKEN' });
    expect((await copied(wish.conversation)).sources).toEqual(branch.slice(0, 4));
  });

  it('is refused where it cannot be told what is done, and leaves nothing then', async () => {
    const wish = wishFor(world, `message_${branch[3]}`);
    away = new Refused('UNAVAILABLE', 'The server is still reading its log.');
    expect(await fork(wish)).toMatchObject({ code: 'UNAVAILABLE' });
    away = undefined;
    expect(await fork(wish)).toEqual(accepted);
  });
});

describe('a fork is refused', () => {
  it('where the origin is not there for the viewer, or the leaf is not in it', async () => {
    const world = await makeWorld(harness, 'ana');
    const foreign = await makeWorld(harness, 'ana');
    await harness.ask('bert', '{ viewer { user { id } } }');
    expect(await fork(wishFor(world, world.reply, {}, 'bert'), 'bert')).toMatchObject({ code: 'NOT_FOUND' });
    expect(await fork(wishFor(world, foreign.reply))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await fork(wishFor(world, `message_${newId()}`))).toMatchObject({ code: 'NOT_FOUND' });
    await doIt(harness, 'ana', 'conversationDelete', { commandId: newId(), conversation: world.conversation });
    expect(await fork(wishFor(world, world.reply))).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('while the reply is running', async () => {
    const { input } = await startConversation(harness, 'ana');
    const world = { ...input, owner: 'ana', spare: '', share: '' };
    await harness.ask('ana', 'query ($id: ID!) { conversation(id: $id) { id } }', { id: input.conversation });
    await expect.poll(() => harness.core.branch(bare(input.conversation), bare(input.reply), 1, true)).toHaveLength(1);
    expect(await fork(wishFor(world, input.reply))).toMatchObject({ code: 'REPLY_RUNNING' });
    expect(await fork(wishFor(world, input.message))).toEqual(accepted);
  });
});

describe('a piece', () => {
  it('is never larger than a command may be', async () => {
    const world = await makeWorld(harness, 'ana');
    // 3 bytes for each character, and a third more in base64.
    const large = await grow(world, 3, '語'.repeat(45_000));
    const wish = wishFor(world, `message_${large.at(-1)}`);
    expect(await fork(wish)).toEqual(accepted);
    const { sources, pieces } = await copied(wish.conversation);
    expect(sources).toEqual([bare(world.message), bare(world.reply), ...large]);
    expect(pieces.length).toBeGreaterThan(2);
  });
});

it('left no fault behind', () => {
  expect(harness.failures).toEqual([]);
});
