import { getNamedType, isInputObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, astray, startHarness } from '../../testing.js';
import { houseCommandId } from '../outcome.js';
import { schema } from '../schema.js';
import { type World, addMembers, doIt, eventsOf, makeWorld, tell } from './testing.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ roles: { olga: ['user', 'ops'] } });
  for (const person of ['ana', 'bert', 'cleo', 'otto', 'olga', 'zoe'])
    await harness.ask(person, '{ viewer { user { id } } }');
}, 60_000);
afterAll(async () => {
  expect(harness.failures).toEqual([]);
  await harness.stop();
});

const person = (subject: string): string => `user_${harness.userOf(subject)}`;
const newId = (subject = 'ana'): string => harness.newId(subject);
const newMessage = (): string => `message_${newId()}`;

/** A mutation in a world of its own: what ana asks for, and which event that makes. */
type Row = {
  readonly input: (world: World) => object;
  readonly event: string;
  /** Whose id the command's ends like. Default: ana's, who started the conversation; '' is who asks. */
  readonly home?: string;
  /** Who asks. Default: ana. */
  readonly asks?: string;
  /** What has to be there first. */
  readonly before?: (world: World) => Promise<unknown>;
  /** What somebody is told who may not. Default: as if there were nothing. */
  readonly stranger?: string;
};

const of = ({ conversation }: World) => ({ conversation });

const rows: Readonly<Record<string, Row>> = {
  conversationStart: {
    input: () => ({
      conversation: `conversation_${newId()}`,
      message: newMessage(),
      reply: newMessage(),
      text: 'Good day',
    }),
    event: 'ConversationStarted',
    stranger: 'WRONG_BUCKET',
  },
  conversationFork: {
    input: ({ conversation, reply }) => ({
      conversation: `conversation_${newId()}`,
      origin: conversation,
      leaf: reply,
      title: 'Another way',
    }),
    event: 'MessagesCopied',
    stranger: 'WRONG_BUCKET',
  },
  conversationRename: { input: (w) => ({ ...of(w), title: 'A name' }), event: 'ConversationRenamed' },
  conversationDelete: { input: of, event: 'ConversationDeleted' },
  conversationRestore: {
    input: of,
    event: 'ConversationRestored',
    before: (w) => doIt(harness, 'ana', 'conversationDelete', { commandId: newId(), ...of(w) }),
  },
  conversationShare: {
    input: (w) => ({ ...of(w), share: w.share, leaf: w.reply }),
    event: 'ConversationShared',
  },
  conversationUnshare: {
    input: (w) => ({ ...of(w), share: w.share }),
    event: 'ConversationUnshared',
    before: (w) =>
      doIt(harness, 'ana', 'conversationShare', { commandId: newId(), ...of(w), share: w.share, leaf: w.reply }),
  },
  messagePost: {
    input: (w) => ({ ...of(w), parent: w.reply, message: newMessage(), reply: newMessage(), text: 'Go on' }),
    event: 'MessagePosted',
  },
  replyRequest: { input: (w) => ({ ...of(w), parent: w.message, reply: newMessage() }), event: 'ReplyRequested' },
  replyStop: {
    input: (w) => ({ ...of(w), reply: w.spare }),
    event: 'ReplyStopRequested',
    before: (w) =>
      doIt(harness, 'ana', 'replyRequest', { commandId: newId(), ...of(w), parent: w.message, reply: w.spare }),
  },
  feedbackGive: {
    input: (w) => ({ ...of(w), message: w.reply, value: 'DOWN', comment: 'Too short' }),
    event: 'FeedbackGiven',
  },
  memberAdd: { input: (w) => ({ ...of(w), user: person('bert'), role: 'WRITER' }), event: 'MemberAdded' },
  memberRoleChange: {
    input: (w) => ({ ...of(w), user: person('bert'), role: 'READER' }),
    event: 'MemberRoleChanged',
    before: (w) => addMembers(harness, w, { bert: 'WRITER' }),
  },
  memberRemove: {
    input: (w) => ({ ...of(w), user: person('bert') }),
    event: 'MemberRemoved',
    before: (w) => addMembers(harness, w, { bert: 'WRITER' }),
  },
  conversationRead: { home: '', input: (w) => ({ ...of(w), seq: 2 }), event: 'ConversationRead' },
  conversationPin: { home: '', input: (w) => ({ ...of(w), pinned: true }), event: 'ConversationPinned' },
  conversationArchive: { home: '', input: (w) => ({ ...of(w), archived: true }), event: 'ConversationArchived' },
  conversationTag: { home: '', input: (w) => ({ ...of(w), tags: ['work', 'later'] }), event: 'ConversationTagged' },
  branchChoose: { home: '', input: (w) => ({ ...of(w), leaf: w.message }), event: 'BranchChosen' },
  conversationHide: { home: '', input: (w) => ({ ...of(w), hidden: true }), event: 'ConversationHidden' },
  profileChange: { input: () => ({ name: 'Ana the First' }), event: 'ProfileChanged', stranger: 'WRONG_BUCKET' },
  preferencesChange: {
    input: () => ({ instructions: 'Be brief.', theme: 'DARK', language: 'pt-BR' }),
    event: 'PreferencesChanged',
    stranger: 'WRONG_BUCKET',
  },
  accountErase: { input: () => ({}), event: 'UserErased', asks: 'otto', home: 'otto', stranger: 'WRONG_BUCKET' },
  userSuspend: {
    input: () => ({ user: person('cleo'), reason: 'Sends spam' }),
    event: 'UserSuspended',
    asks: 'olga',
    home: 'cleo',
    stranger: 'FORBIDDEN',
  },
  userReinstate: {
    input: () => ({ user: person('cleo'), reason: 'It was somebody else' }),
    event: 'UserReinstated',
    asks: 'olga',
    home: 'cleo',
    stranger: 'FORBIDDEN',
  },
};

/** Those that are no commands: they leave nothing in the log. */
const ephemeral = ['deadLetterRetry', 'typingSet'];

it('knows every mutation of the schema', () => {
  const fields = Object.keys(schema.getMutationType()?.getFields() ?? {});
  expect(fields.filter((field) => !ephemeral.includes(field)).toSorted()).toEqual(Object.keys(rows).toSorted());
});

/** The fields of an input that are ids, and whether it minds a version. */
function fieldsOf(field: string) {
  const [input] = schema.getMutationType()?.getFields()[field]?.args ?? [];
  const type = input && getNamedType(input.type);
  if (!isInputObjectType(type)) throw new Error(`${field} has no input`);
  const fields = Object.values(type.getFields());
  const ids = fields.filter((one) => ['ID', 'UUID'].includes(getNamedType(one.type).name)).map(({ name }) => name);
  return { ids, minds: fields.some(({ name }) => name === 'expected') };
}

describe.each(Object.entries(rows))('%s', (field, { input, event, home = 'ana', asks = 'ana', before, stranger }) => {
  const idOf = (asker: string): string => harness.newId(home === '' ? asker : home);
  let world: World;
  let wish: object;
  beforeAll(async () => {
    world = await makeWorld(harness, 'ana');
    await before?.(world);
    wish = input(world);
  });

  it('says what is wrong with an id', async () => {
    const { ids } = fieldsOf(field);
    expect(ids).toContain('commandId');
    for (const name of ids) {
      const { errors } = await tell(harness, asks, field, { commandId: idOf(asks), ...wish, [name]: 'nonsense' });
      expect(errors, name).toMatchObject([
        { extensions: { code: 'BAD_ID' }, message: expect.stringContaining('nonsense') },
      ]);
    }
    const v5 = '2ed6657d-e927-568b-95e1-2665a8aea6a2';
    expect(await tell(harness, asks, field, { ...wish, commandId: v5 })).toMatchObject({ code: 'INVALID' });
    expect(await tell(harness, asks, field, { ...wish, commandId: astray(idOf(asks)) })).toMatchObject({
      code: 'WRONG_BUCKET',
    });
  });

  it('is not for strangers', async () => {
    const result = await tell(harness, 'zoe', field, { ...wish, commandId: idOf('zoe') });
    expect(result).toMatchObject({ __typename: 'Rejected', code: stranger ?? 'NOT_FOUND' });
  });

  if (fieldsOf(field).minds) {
    it('is not done at another version than the one that was asked for', async () => {
      const late = { ...wish, commandId: idOf(asks), expected: 9_999 };
      expect(await tell(harness, asks, field, late)).toMatchObject({ code: 'VERSION_MISMATCH' });
    });
  }

  it('is done once, however often it is sent', async () => {
    const commandId = idOf(asks);
    const first = await tell(harness, asks, field, { ...wish, commandId });
    expect(first).toEqual({ __typename: 'Accepted', position: expect.any(String) });
    const after = await eventsOf(harness);
    expect(after.filter(({ cause }) => cause === causeOf(field, asks, commandId)).map(({ type }) => type)).toContain(
      event,
    );
    expect(await tell(harness, asks, field, { ...wish, commandId })).toEqual(first);
    expect(await eventsOf(harness)).toHaveLength(after.length);
  });
});

/** The id under which a command reaches its owner: what operators ask for, the installation sends under one of its own. */
const causeOf = (field: string, asks: string, commandId: string): string =>
  field.startsWith('user') ? houseCommandId(harness.userOf(asks), commandId) : commandId;
