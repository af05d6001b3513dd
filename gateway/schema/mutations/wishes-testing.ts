import type { Harness } from '../../testing.js';
import { type World, addMembers, doIt } from './testing.js';

/** Each command that a person can send: in a world of its own, what they ask for, and which event that makes. */
export type Wish = {
  readonly input: (world: World, asker: string) => object;
  readonly event: string;
  /** Whose id the command's ends like. Default: the owner's, who started the conversation. */
  readonly home?: (world: World, asker: string) => string;
  /** What has to be there first. */
  readonly before?: (world: World) => Promise<unknown>;
};

const asker: NonNullable<Wish['home']> = (_, who) => who;

/** `get` gives the harness once there is one. Who is acted upon is the `guest` and the `culprit`, who must have signed in. */
export function wishesOf(get: () => Harness): Readonly<Record<string, Wish>> {
  const newId = (subject: string): string => get().newId(subject);
  const newMessage = (subject: string): string => `message_${newId(subject)}`;
  const person = (subject: string): string => `user_${get().userOf(subject)}`;
  const of = ({ conversation }: World) => ({ conversation });
  const first = ({ owner, conversation }: World, field: string, more: object = {}): Promise<void> =>
    doIt(get(), owner, field, { commandId: newId(owner), conversation, ...more });
  const withGuest = (world: World): Promise<void> => addMembers(get(), world, { guest: 'WRITER' });

  return {
    conversationStart: {
      input: (_, who) => ({
        conversation: `conversation_${newId(who)}`,
        message: newMessage(who),
        reply: newMessage(who),
        text: 'Good day',
      }),
      event: 'ConversationStarted',
      home: asker,
    },
    conversationFork: {
      input: ({ conversation, reply }, who) => ({
        conversation: `conversation_${newId(who)}`,
        origin: conversation,
        leaf: reply,
        title: 'Another way',
      }),
      event: 'MessagesCopied',
      home: asker,
    },
    conversationRename: { input: (w) => ({ ...of(w), title: 'A name' }), event: 'ConversationRenamed' },
    conversationDelete: { input: of, event: 'ConversationDeleted' },
    conversationRestore: {
      input: of,
      event: 'ConversationRestored',
      before: (w) => first(w, 'conversationDelete'),
    },
    conversationShare: { input: (w) => ({ ...of(w), share: w.share, leaf: w.reply }), event: 'ConversationShared' },
    conversationUnshare: {
      input: (w) => ({ ...of(w), share: w.share }),
      event: 'ConversationUnshared',
      before: (w) => first(w, 'conversationShare', { share: w.share, leaf: w.reply }),
    },
    messagePost: {
      input: (w) => ({
        ...of(w),
        parent: w.reply,
        message: newMessage(w.owner),
        reply: newMessage(w.owner),
        text: 'Go on',
      }),
      event: 'MessagePosted',
    },
    replyRequest: {
      input: (w) => ({ ...of(w), parent: w.message, reply: newMessage(w.owner) }),
      event: 'ReplyRequested',
    },
    replyStop: {
      input: (w) => ({ ...of(w), reply: w.spare }),
      event: 'ReplyStopRequested',
      before: (w) => first(w, 'replyRequest', { parent: w.message, reply: w.spare }),
    },
    feedbackGive: {
      input: (w) => ({ ...of(w), message: w.reply, value: 'DOWN', comment: 'Too short' }),
      event: 'FeedbackGiven',
    },
    memberAdd: { input: (w) => ({ ...of(w), user: person('guest'), role: 'WRITER' }), event: 'MemberAdded' },
    memberRoleChange: {
      input: (w) => ({ ...of(w), user: person('guest'), role: 'READER' }),
      event: 'MemberRoleChanged',
      before: withGuest,
    },
    memberRemove: {
      input: (w) => ({ ...of(w), user: person('guest') }),
      event: 'MemberRemoved',
      before: withGuest,
    },
    conversationRead: { home: asker, input: (w) => ({ ...of(w), seq: 2 }), event: 'ConversationRead' },
    conversationPin: { home: asker, input: (w) => ({ ...of(w), pinned: true }), event: 'ConversationPinned' },
    conversationArchive: { home: asker, input: (w) => ({ ...of(w), archived: true }), event: 'ConversationArchived' },
    conversationTag: { home: asker, input: (w) => ({ ...of(w), tags: ['a', 'b'] }), event: 'ConversationTagged' },
    branchChoose: { home: asker, input: (w) => ({ ...of(w), leaf: w.message }), event: 'BranchChosen' },
    conversationHide: { home: asker, input: (w) => ({ ...of(w), hidden: true }), event: 'ConversationHidden' },
    profileChange: { home: asker, input: (_, who) => ({ name: `Call me ${who}` }), event: 'ProfileChanged' },
    preferencesChange: {
      home: asker,
      input: () => ({ instructions: 'Be brief.', theme: 'DARK', language: 'pt-BR' }),
      event: 'PreferencesChanged',
    },
    accountErase: { home: asker, input: () => ({}), event: 'UserErased' },
    userSuspend: {
      home: () => 'culprit',
      input: () => ({ user: person('culprit'), reason: 'Sends spam' }),
      event: 'UserSuspended',
    },
    userReinstate: {
      home: () => 'culprit',
      input: () => ({ user: person('culprit'), reason: 'It was somebody else' }),
      event: 'UserReinstated',
    },
  };
}

/** Those that are no commands: they leave nothing in the log. */
export const ephemeral: ReadonlySet<string> = new Set(['deadLetterRetry', 'typingSet']);
