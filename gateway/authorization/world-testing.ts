import { contentOf, personKey } from '../../domain/content.js';
import type { MemberRole } from '../../domain/conversation.js';
import { ASSISTANT, SYSTEM } from '../../domain/decider.js';
import { type Uuid, membershipId, membershipStream, streamOf } from '../../domain/ids.js';
import { type World, makeWorld, tell } from '../schema/mutations/testing.js';
import { act, bare, join, makeScene, part, remove } from '../schema/testing.js';
import type { Harness } from '../testing.js';
import { type Audience, audiences } from './table.js';
import { type Spoiled, ask } from './testing.js';

// What the people of the table share and what is theirs alone, every field of it with something in it.

/** All are node ids, but those of commands. */
export type Shared = {
  readonly main: string;
  /** In main: the owner's first message, the reply to it, one that failed, what the owner said then, and what runs now. */
  readonly message: string;
  readonly reply: string;
  readonly failed: string;
  readonly said: string;
  readonly running: string;
  readonly temporary: { readonly conversation: string; readonly message: string };
  readonly deleted: { readonly conversation: string; readonly message: string };
  readonly fork: string;
  /** What came of commands of the owner. */
  readonly accepted: Uuid;
  readonly conflict: Uuid;
  readonly rejected: Uuid;
  /** The ids of all people. */
  readonly users: ReadonlyMap<string, string>;
  /** A command of each that is never answered. */
  readonly unanswered: ReadonlyMap<string, Uuid>;
  /** A conversation of each, which only they see. */
  readonly own: ReadonlyMap<Audience, string>;
  /** The stream that is parked. */
  readonly stuck: string;
};

/** What the members did with main, each in their own way. The owner read by posting. */
export const relations = {
  reader: { read: 1, pinned: false, archived: false, hidden: true, tag: "the reader's" },
  writer: { read: 2, pinned: false, archived: true, hidden: false, tag: "the writer's" },
  owner: { read: 4, pinned: true, archived: false, hidden: false, tag: "the owner's" },
} as const;
export type Member = keyof typeof relations;
const members: readonly Member[] = ['reader', 'writer', 'owner'];
export const LAST_SEQ = 5;

export const feedbackOf = (who: Member) =>
  ({ value: who === 'reader' ? 'down' : 'up', comment: `The ${who} says so.` }) as const;

export const preferencesOf = (who: Audience) => {
  const n = audiences.indexOf(who);
  const themes = ['system', 'light', 'dark'] as const;
  return { instructions: `Obey the ${who}.`, theme: themes[n % 3] ?? 'system', language: `en-x${n}` };
};

export async function makeShared(harness: Harness, spoiled: Spoiled): Promise<Shared> {
  const idOf = (who: string): Uuid => harness.userOf(who);
  const keyOf = (who: string): string => personKey(idOf(who));
  for (const who of [...audiences, 'guest', 'tess', 'culprit']) await ask(harness, who, '{ viewer { user { id } } }');

  const scene = await makeScene(harness, 'owner', 'The plan');
  const { conversation: main, message, reply } = scene;
  await takeIn(harness, scene, { reader: 'reader', writer: 'writer', suspended: 'writer', tess: 'writer' });
  await removed(harness, scene);
  const stream = streamOf('conversation', bare(main));
  const [failed, said, running, share] = Array.from({ length: 4 }, () => harness.newId('owner'));
  const assistant = { actor: ASSISTANT, stream, key: keyOf('owner') };
  const owner = { actor: idOf('owner'), stream, key: keyOf('owner') };
  const claim = (id: Uuid) =>
    act(harness, {
      ...assistant,
      type: 'ClaimReply',
      data: { reply: id, attempt: 1, executor: id, endpoint: 'test', model: 'a model' },
    });
  if (!failed || !said || !running || !share) throw new Error('four ids were wanted');
  await act(harness, { ...owner, type: 'RequestReply', data: { reply: failed, parent: bare(message) } });
  await claim(failed);
  const end = { attempt: 1, parts: [], latencyMs: 1 };
  await act(harness, { ...assistant, type: 'FailReply', data: { reply: failed, ...end, code: 'model_unreachable' } });
  await act(harness, {
    ...owner,
    type: 'PostMessage',
    data: { message: said, reply: running, parent: bare(reply), parts: [part(said, 'Go on')], fork: true },
  });
  await claim(running);
  harness.sessions.writeReply({ reply: running, attempt: 1, part: 0, offset: 0, text: 'So far' });
  await act(harness, { ...owner, type: 'ShareConversation', data: { share, leaf: bare(reply) } });
  for (const who of members) await useMain(harness, who, main, failed, bare(reply));

  const outcome = async (field: string, input: object): Promise<Uuid> => {
    const commandId = harness.newId('owner');
    const { errors } = await tell(harness, 'owner', field, { commandId, ...input });
    if (errors) throw new Error(JSON.stringify(errors));
    return commandId;
  };
  const alone = await makeScene(harness, 'owner', 'Alone');
  const [late, answer] = [`message_${harness.newId('owner')}`, `message_${harness.newId('owner')}`];
  const post = { conversation: alone.conversation, parent: alone.message, message: late, reply: answer, text: 'Late' };
  const [fork, short, first] = [harness.newId('owner'), harness.newId('owner'), harness.newId('owner')];
  const forked = { ...scene, conversation: `conversation_${fork}` };
  const shared = {
    main,
    message,
    reply,
    failed: `message_${failed}`,
    said: `message_${said}`,
    running: `message_${running}`,
    accepted: await outcome('conversationRename', { conversation: main, title: 'The plan' }),
    rejected: await outcome('conversationRename', { conversation: main, title: ' ' }),
    conflict: await outcome('messagePost', post),
    fork: forked.conversation,
    temporary: { conversation: `conversation_${short}`, message: `message_${first}` },
  };
  await outcome('conversationFork', { conversation: shared.fork, origin: main, leaf: reply, title: 'Another way' });
  await takeIn(harness, forked, { reader: 'reader', writer: 'writer' });
  await outcome('conversationStart', {
    ...shared.temporary,
    reply: `message_${harness.newId('owner')}`,
    text: 'For a while',
    expires: '2100-01-31T09:15:00.000Z',
  });
  const gone = await makeScene(harness, 'owner', 'Over');
  await takeIn(harness, gone, { reader: 'reader', writer: 'writer' });
  const over = streamOf('conversation', bare(gone.conversation));
  await act(harness, { actor: idOf('owner'), stream: over, type: 'DeleteConversation', data: {} });

  const stuck = await makeScene(harness, 'owner', 'Stuck');
  const parked = streamOf('conversation', bare(stuck.conversation));
  await park(harness, spoiled, parked);

  const own = new Map<Audience, string>();
  for (const who of audiences) {
    if (who === 'nobody') continue;
    own.set(who, (await makeScene(harness, who, `Notes of the ${who}`)).conversation);
    const { instructions, theme, language } = preferencesOf(who);
    await act(harness, {
      actor: idOf(who),
      stream: streamOf('user', idOf(who)),
      key: keyOf(who),
      type: 'ChangePreferences',
      data: {
        instructions: { plain: instructions, content: contentOf.instructions(idOf(who)) },
        chars: instructions.length,
        theme,
        language,
      },
    });
  }
  const people = [...audiences, 'guest'];
  const users = new Map(people.map((who) => [who, `user_${idOf(who)}`]));
  const unanswered = new Map(audiences.map((who) => [who, harness.newId(who)]));
  for (const id of unanswered.values()) spoiled.unanswered.add(id);
  return { ...shared, deleted: gone, own, users, unanswered, stuck: parked };
}

/** Lets the view refuse a stream, and something happen in it. */
export async function park(harness: Harness, spoiled: Spoiled, stream: string): Promise<void> {
  spoiled.stream = stream;
  const id = stream.slice('conversation-'.length);
  const title = `Stuck ${Math.random()}`;
  await act(harness, {
    actor: harness.userOf('owner'),
    stream: streamOf('conversation', id),
    key: personKey(harness.userOf('owner')),
    type: 'RenameConversation',
    data: { title: { plain: title, content: contentOf.title(id) }, chars: title.length },
  });
}

/** Operators keep the suspended one out. Until then they had signed in like others. */
export const suspend = (harness: Harness): Promise<string> =>
  act(harness, {
    actor: SYSTEM,
    stream: streamOf('user', harness.userOf('suspended')),
    type: 'SuspendUser',
    data: { by: harness.userOf('ops'), reason: 'for the test' },
  });

type Place = {
  readonly owner: string;
  readonly conversation: string;
  readonly message: string;
  readonly reply: string;
};

async function takeIn(harness: Harness, place: Place, people: Readonly<Record<string, MemberRole>>): Promise<void> {
  for (const [who, role] of Object.entries(people)) await join(harness, place, who, role);
}

async function removed(harness: Harness, place: Place): Promise<void> {
  await join(harness, place, 'removed', 'reader');
  await remove(harness, place, 'removed');
  const [conversation, user] = [bare(place.conversation), harness.userOf('removed')];
  const source = (await harness.core.conversation(conversation))?.version ?? 0;
  const stream = membershipStream(conversation, user);
  await act(harness, { actor: SYSTEM, stream, type: 'LeaveConversation', data: { conversation, user, source } });
}

async function useMain(harness: Harness, who: Member, main: string, failed: Uuid, reply: Uuid): Promise<void> {
  const [user, conversation] = [harness.userOf(who), bare(main)];
  const { read, tag, ...flags } = relations[who];
  const mine = { actor: user, stream: membershipStream(conversation, user), key: personKey(user) };
  const content = contentOf.tag(membershipId(conversation, user), 0);
  const tags = [{ text: { plain: tag, content }, chars: tag.length }];
  if (who !== 'owner') await act(harness, { ...mine, type: 'MarkRead', data: { conversation, seq: read } });
  await act(harness, { ...mine, type: 'PinConversation', data: { conversation, pinned: flags.pinned } });
  await act(harness, { ...mine, type: 'ArchiveConversation', data: { conversation, archived: flags.archived } });
  await act(harness, { ...mine, type: 'HideConversation', data: { conversation, hidden: flags.hidden } });
  await act(harness, { ...mine, type: 'TagConversation', data: { conversation, tags } });
  if (who === 'reader') await act(harness, { ...mine, type: 'ChooseBranch', data: { conversation, leaf: failed } });
  const { value, comment } = feedbackOf(who);
  const place = contentOf.feedback(reply, user);
  await act(harness, {
    actor: user,
    stream: streamOf('conversation', conversation),
    key: personKey(user),
    type: 'GiveFeedback',
    data: { message: reply, value, comment: { plain: comment, content: place }, chars: comment.length },
  });
}

/** A conversation for one command to be tried on, with the same people in it. */
export async function makeStage(harness: Harness): Promise<World> {
  const world = await makeWorld(harness, 'owner');
  for (const [who, role] of Object.entries({ reader: 'reader', writer: 'writer', suspended: 'writer' } as const)) {
    await join(harness, world, who, role);
  }
  await removed(harness, world);
  return world;
}
