import { type Part, contentOf, conversationKey, personKey } from './content.js';
import { type ConversationCommand, type ConversationEvent, type MemberRole, conversation } from './conversation.js';
import { derivedId } from './ids.js';
import { clientId, given, sealedText } from './testing.js';

// One conversation, for the stories that tell its rules: Ada's, with her first message `m1` and the reply `r1` to it.

export const ada = derivedId(clientId(1), 'ada', 0x123);
export const bob = derivedId(clientId(1), 'bob', 0x123);
export const cyd = derivedId(clientId(1), 'cyd', 0x456);
export const id = clientId(10);
export const [m1, r1, m2] = [clientId(11), clientId(12), clientId(13)];
export const [r2, m3, r3] = [clientId(14), clientId(15), clientId(16)];
export const executor = clientId(20);
export const share = clientId(25);
export const ends = '2026-02-01T00:00:00.000Z';

export const partOf = (message: string, chars = 5, key = personKey(ada), place = message): Part => ({
  type: 'text',
  text: sealedText(key, contentOf.part(place, 0)),
  chars,
});
export const title = (n: number, key = personKey(ada)) => ({
  title: sealedText(key, contentOf.title(id), n),
  chars: 7,
});
export const by = <C extends ConversationCommand>(actor: string, command: C) => ({ ...command, actor, id });

export const start = (more: object = {}) => ({
  type: 'StartConversation' as const,
  data: { message: m1, reply: r1, parts: [partOf(m1)], ...title(1), expires: null, ...more },
});
export const fork = (more: object = {}) => ({
  type: 'ForkConversation' as const,
  data: { ...title(1), origin: { conversation: clientId(5), message: clientId(6) }, ...more },
});
export const post = (more: object = {}) => ({
  type: 'PostMessage' as const,
  data: { message: m2, reply: r2, parent: r1, parts: [partOf(m2)], fork: false, ...more },
});
/** Somebody's post, sealed under their key. */
export const postOf = (author: string, more: object = {}) =>
  post({ parts: [partOf(m2, 5, personKey(author))], ...more });
export const copy = (...messages: Extract<ConversationCommand, { type: 'CopyMessages' }>['data']['messages']) => ({
  type: 'CopyMessages' as const,
  data: { messages },
});
export const request = (reply = r2, parent = m1) => ({ type: 'RequestReply' as const, data: { reply, parent } });
export const rename = (n: number, chars = 7, key = personKey(ada)) => ({
  type: 'RenameConversation' as const,
  data: { ...title(n, key), chars },
});
export const remove = { type: 'DeleteConversation' as const, data: {} };
export const restore = { type: 'RestoreConversation' as const, data: {} };
export const expire = { type: 'ExpireConversation' as const, data: {} };
export const purge = { type: 'PurgeConversation' as const, data: {} };
export const stopReply = (reply = r1) => ({ type: 'StopReply' as const, data: { reply } });
export const shareAt = (leaf = r1, at = share) => ({ type: 'ShareConversation' as const, data: { share: at, leaf } });
export const unshare = (at = share) => ({ type: 'UnshareConversation' as const, data: { share: at } });
export const feedback = (value: 'up' | 'down' | 'none', more: object = {}) => ({
  type: 'GiveFeedback' as const,
  data: { message: r1, value, comment: null, chars: 0, ...more },
});
export const add = (user: string, role: MemberRole) => ({ type: 'AddMember' as const, data: { user, role } });
export const changeRole = (user: string, role: MemberRole) => ({ type: 'ChangeRole' as const, data: { user, role } });
export const removeMember = (user: string) => ({ type: 'RemoveMember' as const, data: { user } });
export const eraseMember = (user: string) => ({ type: 'EraseMember' as const, data: { user } });
export const tell = (user: string, version: number) => ({ type: 'TellMembership' as const, data: { user, version } });

const attempted = (attempt: number) => ({ attempt, executor, endpoint: 'built-in', model: 'echo' });
export const claim = (attempt: number, reply = r1) => ({
  type: 'ClaimReply' as const,
  data: { reply, ...attempted(attempt) },
});
export const said = (attempt: number, reply = r1, key = personKey(ada)) => ({
  reply,
  attempt,
  parts: [partOf(reply, 5, key)],
  latencyMs: 900,
});
export const end = (attempt: number, reply = r1, key = personKey(ada)) => ({
  complete: {
    type: 'CompleteReply' as const,
    data: { ...said(attempt, reply, key), firstTokenMs: 90, tokens: 9, finish: 'stop' as const },
  },
  fail: { type: 'FailReply' as const, data: { ...said(attempt, reply, key), code: 'RESPONDER_FAILED' } },
  stopped: { type: 'EndStoppedReply' as const, data: said(attempt, reply, key) },
});
export const claimTitle = (attempt: number) => ({ type: 'ClaimTitle' as const, data: attempted(attempt) });
export const setTitle = (attempt: number, n = 2, key = personKey(ada)) => ({
  type: 'SetTitle' as const,
  data: { attempt, ...title(n, key) },
});
export const failTitle = (attempt: number) => ({
  type: 'FailTitle' as const,
  data: { attempt, code: 'RESPONDER_FAILED' },
});

export const posted = (
  message: string,
  reply: string,
  parent: string | null,
  seq: number,
  author = ada,
  key = personKey(author),
): ConversationEvent[] => [
  { type: 'MessagePosted', data: { message, parent, seq, author, parts: [partOf(message, 5, key)] } },
  { type: 'ReplyRequested', data: { reply, parent: message, seq: seq + 1, by: author } },
];
const begun = (key: string, expires: string | null): ConversationEvent[] => [
  { type: 'ConversationStarted', data: { starter: ada, ...title(1, key), expires, origin: null } },
  ...posted(m1, r1, null, 1, ada, key),
];
export const started = begun(personKey(ada), null);
export const claimed = (attempt: number, reply = r1): ConversationEvent => ({
  type: 'ReplyStarted',
  data: claim(attempt, reply).data,
});
export const completed = (attempt: number, reply = r1, key = personKey(ada)): ConversationEvent => ({
  type: 'ReplyCompleted',
  data: end(attempt, reply, key).complete.data,
});
export const answered = [...started, claimed(1), completed(1)];
export const temporaryKey = conversationKey(id);
export const temporary = [...begun(temporaryKey, ends), claimed(1), completed(1, r1, temporaryKey)];
export const forked: ConversationEvent[] = [
  { type: 'ConversationStarted', data: { starter: ada, ...title(1), expires: null, origin: fork().data.origin } },
];
export const stopAsked: ConversationEvent = { type: 'ReplyStopRequested', data: { reply: r1, by: ada } };
export const deleted: ConversationEvent = { type: 'ConversationDeleted', data: { by: ada } };
export const restored: ConversationEvent = { type: 'ConversationRestored', data: { by: ada } };
export const expired: ConversationEvent = { type: 'ConversationExpired', data: {} };
export const shared: ConversationEvent = { type: 'ConversationShared', data: { share, leaf: r1, by: ada } };
export const added = (user: string, role: MemberRole): ConversationEvent => ({
  type: 'MemberAdded',
  data: { user, role, by: ada },
});
export const roleChanged = (user: string, role: MemberRole, who = ada): ConversationEvent => ({
  type: 'MemberRoleChanged',
  data: { user, role, by: who },
});
export const removed = (user: string, who = ada): ConversationEvent => ({
  type: 'MemberRemoved',
  data: { user, by: who },
});
export const renamed = (n: number, who: 'person' | 'automatic' = 'person'): ConversationEvent => ({
  type: 'ConversationRenamed',
  data: { ...title(n), by: who },
});
export const titleStarted = (attempt: number): ConversationEvent => ({
  type: 'TitleStarted',
  data: attempted(attempt),
});

export const nothing = given(conversation);
export const fresh = given(conversation, ...started);
export const idle = given(conversation, ...answered);
export const withBob = (role: MemberRole, ...more: readonly ConversationEvent[]) =>
  given(conversation, ...answered, added(bob, role), ...more);
