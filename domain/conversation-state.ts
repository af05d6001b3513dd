import { conversationKey, nonceOf, personKey } from './content.js';
import type { ConversationEvent, MemberRole } from './conversation-events.js';
import type { Rejection } from './decider.js';
import type { Uuid } from './ids.js';
import { type Tree, chunkedBy, emptyTree, lookUp, plant } from './tree.js';

/**
 * What decisions need of a message. `child` is the newest message below it, `feedback` who said what about a reply (see
 * `feedbackMark`). Text is never held.
 */
export type Node = {
  readonly parent: Uuid | null;
  readonly child?: Uuid;
  readonly reply?: Reply;
  readonly feedback?: Readonly<Record<Uuid, string>>;
};

/** `by`: who asked for it, under whose key it will be sealed. */
type Reply = { readonly by: string; readonly attempt: number; readonly stopping: boolean; readonly ended: boolean };

export type Decision = readonly ConversationEvent[] | Rejection;

export type Member = { readonly user: Uuid; readonly role: MemberRole };

export type ConversationState = {
  readonly status: 'absent' | 'open' | 'deleted' | 'expired' | 'purged';
  readonly version: number;
  readonly starter: Uuid;
  /** It is sealed under a key of its own, and expires. */
  readonly temporary: boolean;
  /** It continues another conversation, whose messages may be copied into it. */
  readonly forked: boolean;
  /**
   * `seal` is the nonce of the title. `first`: it is the one that the conversation started with. `attempt` counts the
   * assistant's attempts at a better one, `ended` once they came to an end.
   */
  readonly title: { readonly seal: string; readonly first: boolean; readonly attempt: number; readonly ended: boolean };
  /** In order of joining. At most `limits.members`, as with `owed`. */
  readonly members: readonly Member[];
  /** People whose home has yet to take their relation as of a version. */
  readonly owed: readonly { readonly user: Uuid; readonly version: number }[];
  /** The leaf that each share shows. */
  readonly shares: Readonly<Record<Uuid, Uuid>>;
  readonly messages: number;
  readonly tree: Tree<Node>;
};

export const initial: ConversationState = {
  status: 'absent',
  version: 0,
  starter: '',
  temporary: false,
  forked: false,
  title: { seal: '', first: true, attempt: 0, ended: false },
  members: [],
  owed: [],
  shares: {},
  messages: 0,
  tree: emptyTree,
};

/** The key for what a person brings into a conversation. */
export const keyIn = (id: Uuid, { temporary }: Pick<ConversationState, 'temporary'>, person: Uuid): string =>
  temporary ? conversationKey(id) : personKey(person);

/** How such a state is stored: its tree apart. */
export const chunked = chunkedBy<ConversationState, Node>(
  ({ tree }) => tree,
  (state, tree) => ({ ...state, tree }),
);

/** The mark of a person's word on a reply: the same word again has the same. */
export const feedbackMark = ({ value, comment }: Pick<Feedback, 'value' | 'comment'>): string =>
  comment ? `${value} ${nonceOf(comment)}` : value;
type Feedback = Extract<ConversationEvent, { type: 'FeedbackGiven' }>['data'];

export const roleOf = ({ members }: ConversationState, user: Uuid): MemberRole | undefined =>
  members.find((member) => member.user === user)?.role;

const withNode = (state: ConversationState, id: Uuid, change: (node: Node) => Node): ConversationState => {
  const node = lookUp(state.tree, id);
  if (!node) throw new Error(`the log speaks of a message that was never there: ${id}`);
  return { ...state, tree: plant(state.tree, id, change(node)) };
};

const withReply = (state: ConversationState, id: Uuid, changed: Partial<Reply>): ConversationState =>
  withNode(state, id, (node) => {
    if (!node.reply) throw new Error(`the log ends or starts a reply that it never requested: ${id}`);
    return { ...node, reply: { ...node.reply, ...changed } };
  });

const withMessage = (state: ConversationState, id: Uuid, node: Node): ConversationState => {
  const below = node.parent === null ? state : withNode(state, node.parent, (parent) => ({ ...parent, child: id }));
  return { ...below, messages: below.messages + 1, tree: plant(below.tree, id, node) };
};

const withFeedback = (state: ConversationState, data: Feedback): ConversationState =>
  withNode(state, data.message, (node) => {
    const { [data.by]: _, ...others } = node.feedback ?? {};
    return { ...node, feedback: data.value === 'none' ? others : { ...others, [data.by]: feedbackMark(data) } };
  });

/** The state with what this event makes of a member: null if they are none any more. Their home is owed the news. */
const withMember = (state: ConversationState, user: Uuid, role: MemberRole | null): ConversationState => {
  const { members, owed, version } = state;
  const others = members.filter((member) => member.user !== user);
  const same = role !== null && others.length < members.length;
  const moved = role === null ? others : [...others, { user, role }];
  return {
    ...state,
    members: same ? members.map((member) => (member.user === user ? { user, role } : member)) : moved,
    owed: [...owed.filter((each) => each.user !== user), { user, version }],
  };
};

const paid = (state: ConversationState, user: Uuid): ConversationState => ({
  ...state,
  owed: state.owed.filter((each) => each.user !== user),
});

const wanted = (by: string): Reply => ({ by, attempt: 0, stopping: false, ended: false });

function apply(state: ConversationState, event: ConversationEvent): ConversationState {
  switch (event.type) {
    case 'ConversationStarted': {
      const { starter, title, expires, origin } = event.data;
      return {
        ...state,
        status: 'open',
        starter,
        temporary: expires !== null,
        forked: origin !== null,
        title: { ...state.title, seal: nonceOf(title) },
        members: [{ user: starter, role: 'owner' }],
      };
    }
    case 'ConversationRenamed': {
      const { title, by } = event.data;
      const ended = state.title.ended || by === 'automatic';
      return { ...state, title: { ...state.title, seal: nonceOf(title), first: false, ended } };
    }
    case 'TitleStarted':
      return { ...state, title: { ...state.title, attempt: event.data.attempt } };
    case 'TitleFailed':
      return { ...state, title: { ...state.title, ended: true } };
    case 'ConversationDeleted':
      return { ...state, status: 'deleted', shares: {} };
    case 'ConversationRestored':
      return { ...state, status: 'open' };
    case 'ConversationExpired':
      return { ...state, status: 'expired', shares: {} };
    case 'ConversationPurged':
      return { ...state, status: 'purged' };
    case 'ConversationShared':
      return { ...state, shares: { ...state.shares, [event.data.share]: event.data.leaf } };
    case 'ConversationUnshared': {
      const { [event.data.share]: _, ...shares } = state.shares;
      return { ...state, shares };
    }
    case 'MessagePosted':
      return withMessage(state, event.data.message, { parent: event.data.parent });
    case 'MessagesCopied':
      return event.data.messages.reduce((grown, { message, parent, author }) => {
        const reply = { ...wanted(''), ended: true };
        return withMessage(grown, message, author === null ? { parent, reply } : { parent });
      }, state);
    case 'ReplyRequested':
      return withMessage(state, event.data.reply, { parent: event.data.parent, reply: wanted(event.data.by) });
    case 'ReplyStarted':
      return withReply(state, event.data.reply, { attempt: event.data.attempt });
    case 'ReplyStopRequested':
      return withReply(state, event.data.reply, { stopping: true });
    case 'ReplyCompleted':
    case 'ReplyFailed':
    case 'ReplyStopped':
      return withReply(state, event.data.reply, { ended: true });
    case 'FeedbackGiven':
      return withFeedback(state, event.data);
    case 'MemberAdded':
    case 'MemberRoleChanged':
      return withMember(state, event.data.user, event.data.role);
    case 'MemberRemoved':
      return withMember(state, event.data.user, null);
    case 'MemberErased':
      // Nobody is left at their home whom it could be told.
      return paid(withMember(state, event.data.user, null), event.data.user);
    case 'MembershipTold':
      return paid(state, event.data.user);
  }
}

export const evolve = (state: ConversationState, event: ConversationEvent): ConversationState =>
  apply({ ...state, version: state.version + 1 }, event);
