import type { Part, Sealed } from './content.js';
import type { Clear } from './event.js';
import type { Uuid } from './ids.js';

// The names and shapes of events are the storage format: never change one, add a version (see upcasters.ts).

/** What a person may do in a conversation: owners everything, writers post and branch, readers read and give feedback. */
export type MemberRole = 'owner' | 'writer' | 'reader';

/** The message of another conversation from which one was forked. */
export type Origin = { conversation: Uuid; message: Uuid };

/** `expires` (ISO 8601) is set in a temporary conversation: then its key is destroyed. */
type Started = { starter: Uuid; title: Sealed; chars: number; expires: string | null; origin: Origin | null };
type Posted = { message: Uuid; parent: Uuid | null; seq: number; author: Uuid; parts: readonly Part[] };

/**
 * A message taken over from another conversation as it stands there: its boxes are bound to the place of the message
 * `source`. `author` is null for a reply; such a one has ended.
 */
export type Copy = { message: Uuid; parent: Uuid | null; author: Uuid | null; parts: readonly Part[]; source: Uuid };

export type ReplyEnd = { reply: Uuid; attempt: number; parts: readonly Part[]; latencyMs: number };

/** Who made an attempt, where and by which model. */
export type Attempt = { attempt: number; executor: Uuid; endpoint: string; model: string };

/** A person's word on a reply. `comment` is null where they gave none; 'none' takes back what they said. */
export type Feedback = { message: Uuid; value: 'up' | 'down' | 'none'; comment: Sealed | null; chars: number };

/** What happens in a conversation. `by` is a person, or the installation itself (`SYSTEM`). */
export type ConversationEvent =
  | { type: 'ConversationStarted'; data: Started }
  | { type: 'ConversationRenamed'; data: { title: Sealed; chars: number; by: 'person' | 'automatic' } }
  | { type: 'TitleStarted'; data: Attempt }
  | { type: 'TitleFailed'; data: { attempt: number; code: string } }
  | { type: 'ConversationDeleted'; data: { by: string } }
  | { type: 'ConversationRestored'; data: { by: string } }
  | { type: 'ConversationExpired'; data: Record<string, never> }
  | { type: 'ConversationPurged'; data: Record<string, never> }
  | { type: 'ConversationShared'; data: { share: Uuid; leaf: Uuid; by: string } }
  | { type: 'ConversationUnshared'; data: { share: Uuid; by: string } }
  | { type: 'MessagePosted'; data: Posted }
  | { type: 'MessagesCopied'; data: { messages: readonly (Copy & { seq: number })[] } }
  | { type: 'ReplyRequested'; data: { reply: Uuid; parent: Uuid; seq: number; by: Uuid } }
  | { type: 'ReplyStarted'; data: { reply: Uuid } & Attempt }
  | { type: 'ReplyStopRequested'; data: { reply: Uuid; by: Uuid } }
  | { type: 'ReplyCompleted'; data: ReplyEnd & { firstTokenMs: number; tokens: number; finish: 'stop' | 'length' } }
  | { type: 'ReplyFailed'; data: ReplyEnd & { code: string } }
  | { type: 'ReplyStopped'; data: ReplyEnd }
  | { type: 'FeedbackGiven'; data: Feedback & { by: Uuid } }
  | { type: 'MemberAdded'; data: { user: Uuid; role: MemberRole; by: string } }
  | { type: 'MemberRoleChanged'; data: { user: Uuid; role: MemberRole; by: string } }
  | { type: 'MemberRemoved'; data: { user: Uuid; by: string } }
  | { type: 'MemberErased'; data: { user: Uuid } }
  | { type: 'MembershipTold'; data: { user: Uuid; version: number } };

const attempt = { attempt: 'clear', executor: 'clear', endpoint: 'clear', model: 'clear' } as const;
const replyEnd = { reply: 'clear', attempt: 'clear', parts: 'sealed', latencyMs: 'clear' } as const;
const member = { user: 'clear', role: 'clear', by: 'clear' } as const;

export const conversationContent = {
  ConversationStarted: { starter: 'clear', title: 'sealed', chars: 'clear', expires: 'clear', origin: 'clear' },
  ConversationRenamed: { title: 'sealed', chars: 'clear', by: 'clear' },
  TitleStarted: attempt,
  TitleFailed: { attempt: 'clear', code: 'clear' },
  ConversationDeleted: { by: 'clear' },
  ConversationRestored: { by: 'clear' },
  ConversationExpired: {},
  ConversationPurged: {},
  ConversationShared: { share: 'clear', leaf: 'clear', by: 'clear' },
  ConversationUnshared: { share: 'clear', by: 'clear' },
  MessagePosted: { message: 'clear', parent: 'clear', seq: 'clear', author: 'clear', parts: 'sealed' },
  MessagesCopied: { messages: 'sealed' },
  ReplyRequested: { reply: 'clear', parent: 'clear', seq: 'clear', by: 'clear' },
  ReplyStarted: { reply: 'clear', ...attempt },
  ReplyStopRequested: { reply: 'clear', by: 'clear' },
  ReplyCompleted: { ...replyEnd, firstTokenMs: 'clear', tokens: 'clear', finish: 'clear' },
  ReplyFailed: { ...replyEnd, code: 'clear' },
  ReplyStopped: replyEnd,
  FeedbackGiven: { message: 'clear', by: 'clear', value: 'clear', comment: 'sealed', chars: 'clear' },
  MemberAdded: member,
  MemberRoleChanged: member,
  MemberRemoved: { user: 'clear', by: 'clear' },
  MemberErased: { user: 'clear' },
  MembershipTold: { user: 'clear', version: 'clear' },
} satisfies Clear<ConversationEvent>;

export type NewTitle = { title: Sealed; chars: number };
export type NewMessage = { message: Uuid; parts: readonly Part[]; reply: Uuid };
type Nothing = Record<string, never>;

/** What people ask of a conversation that is there. */
export type MemberCommand =
  | { type: 'PostMessage'; data: NewMessage & { parent: Uuid | null; fork: boolean } }
  | { type: 'CopyMessages'; data: { messages: readonly Copy[] } }
  | { type: 'RequestReply'; data: { reply: Uuid; parent: Uuid } }
  | { type: 'StopReply'; data: { reply: Uuid } }
  | { type: 'GiveFeedback'; data: Feedback }
  | { type: 'RenameConversation'; data: NewTitle }
  | { type: 'DeleteConversation'; data: Nothing }
  | { type: 'RestoreConversation'; data: Nothing }
  | { type: 'ShareConversation'; data: { share: Uuid; leaf: Uuid } }
  | { type: 'UnshareConversation'; data: { share: Uuid } }
  | { type: 'AddMember'; data: { user: Uuid; role: MemberRole } }
  | { type: 'ChangeRole'; data: { user: Uuid; role: MemberRole } }
  | { type: 'RemoveMember'; data: { user: Uuid } };

/** What the assistant asks. */
export type AssistantCommand =
  | { type: 'ClaimReply'; data: { reply: Uuid } & Attempt }
  | { type: 'CompleteReply'; data: ReplyEnd & { firstTokenMs: number; tokens: number; finish: 'stop' | 'length' } }
  | { type: 'FailReply'; data: ReplyEnd & { code: string } }
  | { type: 'EndStoppedReply'; data: ReplyEnd }
  | { type: 'ClaimTitle'; data: Attempt }
  | { type: 'SetTitle'; data: { attempt: number } & NewTitle }
  | { type: 'FailTitle'; data: { attempt: number; code: string } };

/** What the installation asks. */
export type HouseCommand =
  | { type: 'EraseMember'; data: { user: Uuid } }
  | { type: 'TellMembership'; data: { user: Uuid; version: number } }
  | { type: 'ExpireConversation'; data: Nothing }
  | { type: 'PurgeConversation'; data: Nothing };

export type ConversationCommand =
  | { type: 'StartConversation'; data: NewMessage & NewTitle & { expires: string | null } }
  | { type: 'ForkConversation'; data: NewTitle & { origin: Origin } }
  | MemberCommand
  | AssistantCommand
  | HouseCommand;
