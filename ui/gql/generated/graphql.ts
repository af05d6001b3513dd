/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** Which conversation to delete. For its owners. */
export type ConversationDeleteInput = {
  /** The id of this command, made by the client: a UUID of version 7 whose last three hex digits are those of the conversation's id. Sent twice, it is done once. */
  commandId: string;
  /** The conversation. */
  conversation: string | number;
  /** Do it only if the conversation is still at this version; else the answer is VERSION_MISMATCH. Left out, any version will do. */
  expected?: number | null | undefined;
};

/** How far the viewer has read. It only goes up. */
export type ConversationReadInput = {
  /** The id of this command, made by the client: a UUID of version 7 whose last three hex digits are those of the viewer's user id. Sent twice, it is done once. */
  commandId: string;
  /** The conversation. */
  conversation: string | number;
  /** Do it only if the viewer's membership is still at this version; else the answer is VERSION_MISMATCH. Left out, any version will do. */
  expected?: number | null | undefined;
  /** The number of the newest message seen. */
  seq: number;
};

/** A new title for a conversation. For its owners. */
export type ConversationRenameInput = {
  /** The id of this command, made by the client: a UUID of version 7 whose last three hex digits are those of the conversation's id. Sent twice, it is done once. */
  commandId: string;
  /** The conversation. */
  conversation: string | number;
  /** Do it only if the conversation is still at this version; else the answer is VERSION_MISMATCH. Left out, any version will do. */
  expected?: number | null | undefined;
  /** The title: 1 to 200 characters, not blank. */
  title: string;
};

/** A new conversation, its first message, and the request for a reply to that. */
export type ConversationStartInput = {
  /** The id of this command, made by the client: a UUID of version 7 whose last three hex digits are those of the conversation's id. Sent twice, it is done once. */
  commandId: string;
  /** The id of the new conversation, made by the client: `conversation_` and a UUID of version 7 with the last three hex digits of the viewer's user id. */
  conversation: string | number;
  /** Makes it temporary: sealed under a key of its own, for the viewer alone, and gone for good from this time on. ISO 8601 in UTC with milliseconds, as 2026-01-31T09:15:00.000Z. */
  expires?: string | null | undefined;
  /** The id of the message, made by the client: `message_` and a UUID of version 7 with the last three hex digits of the conversation's. */
  message: string | number;
  /** The id of the reply to it, made by the client: `message_` and a UUID of version 7 with the last three hex digits of the conversation's. */
  reply: string | number;
  /** What it says: 1 to 100,000 characters, not blank. */
  text: string;
};

/** Why a command was refused. Codes are stable; messages are for people. */
export type ErrorCode =
  /** Another command had this `commandId`: each wish has an id of its own. */
  | 'COMMAND_ID_REUSED'
  /** The branch has grown since: look at what came (`head`), and send it again with another `commandId`. */
  | 'CONFLICT'
  /** It came too late to be done. Send it again: the same `commandId` will do. */
  | 'EXPIRED'
  /** The server could not decide it. It will not by itself: tell the operators. */
  | 'FAILED'
  /** You see it, but your role does not allow this. */
  | 'FORBIDDEN'
  /** What was to be made has an id that exists: make a new one. */
  | 'ID_TAKEN'
  /** Something in the command cannot be: `message` says what. */
  | 'INVALID'
  /** It does not exist, or it is not for you to see: both look alike. */
  | 'NOT_FOUND'
  /** A reply is still being written here: wait for its end, or stop it. */
  | 'REPLY_RUNNING'
  /** Something later has overtaken it. */
  | 'STALE'
  /** Your account is suspended: only operators change that. */
  | 'SUSPENDED'
  /** There is more of something than is allowed: `message` says how much is. */
  | 'TOO_LARGE'
  /** It cannot be done right now, and was not. Send it again in a moment, with the same `commandId`. */
  | 'UNAVAILABLE'
  /** The `expected` version is not the one that it has: read it again, and decide anew. */
  | 'VERSION_MISMATCH'
  /** The last three hex digits of an id are not those that it must have. */
  | 'WRONG_BUCKET';

/** A message in a conversation, and the request for a reply to it. For its writers. */
export type MessagePostInput = {
  /** The id of this command, made by the client: a UUID of version 7 whose last three hex digits are those of the conversation's id. Sent twice, it is done once. */
  commandId: string;
  /** The conversation. */
  conversation: string | number;
  /** Do it only if the conversation is still at this version; else the answer is VERSION_MISMATCH. Left out, any version will do. */
  expected?: number | null | undefined;
  /** Make a sibling on purpose, where the branch has gone on (edit and send again). */
  fork?: boolean;
  /** The id of the message, made by the client: `message_` and a UUID of version 7 with the last three hex digits of the conversation's. */
  message: string | number;
  /** The leaf that the writer saw; null only for a sibling of the first message. */
  parent?: string | number | null | undefined;
  /** The id of the reply to it, made by the client: `message_` and a UUID of version 7 with the last three hex digits of the conversation's. */
  reply: string | number;
  /** What it says: 1 to 100,000 characters, not blank. */
  text: string;
};

/** How far a reply has come. */
export type ReplyStatus =
  /** Whole. */
  | 'COMPLETED'
  /** Broken off by a fault; `code` says which. */
  | 'FAILED'
  /** Asked for; nobody has begun yet. */
  | 'REQUESTED'
  /** Being written. */
  | 'RUNNING'
  /** Stopped by a person; the text so far stays. */
  | 'STOPPED';

/** Which reply to stop. For writers. */
export type ReplyStopInput = {
  /** The id of this command, made by the client: a UUID of version 7 whose last three hex digits are those of the conversation's id. Sent twice, it is done once. */
  commandId: string;
  /** The conversation. */
  conversation: string | number;
  /** Do it only if the conversation is still at this version; else the answer is VERSION_MISMATCH. Left out, any version will do. */
  expected?: number | null | undefined;
  /** The reply. */
  reply: string | number;
};

export type MessageFieldsFragment = { id: string, version: number, parent: string | null, seq: number, at: string, parts: Array<{ text: string }>, reply: { status: ReplyStatus, attempt: number, stopping: boolean, model: string | null, code: string | null } | null, siblings: { ids: Array<string>, index: number } };

export type ThreadConversationFieldsFragment = { version: number, title: string | null, head: string, deleted: boolean };

export type ConversationFieldsFragment = { id: string, version: number, title: string | null, activeAt: string, unread: number, deleted: boolean };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { user: { id: string, name: string } } };

export type ConversationsQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type ConversationsQuery = { viewer: { conversations: { nodes: Array<{ id: string, version: number, title: string | null, activeAt: string, unread: number, deleted: boolean }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } };

export type ThreadQueryVariables = Exact<{
  id: string | number;
  leaf?: string | number | null | undefined;
  before?: string | null | undefined;
}>;


export type ThreadQuery = { conversation: { version: number, title: string | null, head: string, deleted: boolean, thread: { asOf: number, before: string | null, messages: Array<{ id: string, version: number, parent: string | null, seq: number, at: string, parts: Array<{ text: string }>, reply: { status: ReplyStatus, attempt: number, stopping: boolean, model: string | null, code: string | null } | null, siblings: { ids: Array<string>, index: number } }> } } | null };

type OutcomeFields_Accepted_Fragment = { position: string, kind: 'Accepted' };

type OutcomeFields_Conflict_Fragment = { code: ErrorCode, message: string, head: string, kind: 'Conflict' };

type OutcomeFields_Pending_Fragment = { kind: 'Pending' };

type OutcomeFields_Rejected_Fragment = { code: ErrorCode, message: string, kind: 'Rejected' };

export type OutcomeFieldsFragment =
  | OutcomeFields_Accepted_Fragment
  | OutcomeFields_Conflict_Fragment
  | OutcomeFields_Pending_Fragment
  | OutcomeFields_Rejected_Fragment
;

export type StartMutationVariables = Exact<{
  input: ConversationStartInput;
}>;


export type StartMutation = { outcome:
    | { position: string, kind: 'Accepted' }
    | { code: ErrorCode, message: string, head: string, kind: 'Conflict' }
    | { kind: 'Pending' }
    | { code: ErrorCode, message: string, kind: 'Rejected' }
   };

export type PostMutationVariables = Exact<{
  input: MessagePostInput;
}>;


export type PostMutation = { outcome:
    | { position: string, kind: 'Accepted' }
    | { code: ErrorCode, message: string, head: string, kind: 'Conflict' }
    | { kind: 'Pending' }
    | { code: ErrorCode, message: string, kind: 'Rejected' }
   };

export type RenameMutationVariables = Exact<{
  input: ConversationRenameInput;
}>;


export type RenameMutation = { outcome:
    | { position: string, kind: 'Accepted' }
    | { code: ErrorCode, message: string, head: string, kind: 'Conflict' }
    | { kind: 'Pending' }
    | { code: ErrorCode, message: string, kind: 'Rejected' }
   };

export type DeleteMutationVariables = Exact<{
  input: ConversationDeleteInput;
}>;


export type DeleteMutation = { outcome:
    | { position: string, kind: 'Accepted' }
    | { code: ErrorCode, message: string, head: string, kind: 'Conflict' }
    | { kind: 'Pending' }
    | { code: ErrorCode, message: string, kind: 'Rejected' }
   };

export type ReadMutationVariables = Exact<{
  input: ConversationReadInput;
}>;


export type ReadMutation = { outcome:
    | { position: string, kind: 'Accepted' }
    | { code: ErrorCode, message: string, head: string, kind: 'Conflict' }
    | { kind: 'Pending' }
    | { code: ErrorCode, message: string, kind: 'Rejected' }
   };

export type StopMutationVariables = Exact<{
  input: ReplyStopInput;
}>;


export type StopMutation = { outcome:
    | { position: string, kind: 'Accepted' }
    | { code: ErrorCode, message: string, head: string, kind: 'Conflict' }
    | { kind: 'Pending' }
    | { code: ErrorCode, message: string, kind: 'Rejected' }
   };

export type ConversationEventsSubscriptionVariables = Exact<{
  id: string | number;
  asOf: number;
  after?: string | null | undefined;
}>;


export type ConversationEventsSubscription = { conversationEvents: { from: number, to: number, removed: boolean, conversation: { version: number, title: string | null, head: string, deleted: boolean } | null, messages: Array<{ id: string, version: number, parent: string | null, seq: number, at: string, parts: Array<{ text: string }>, reply: { status: ReplyStatus, attempt: number, stopping: boolean, model: string | null, code: string | null } | null, siblings: { ids: Array<string>, index: number } }> } };

export type ReplyDeltasSubscriptionVariables = Exact<{
  id: string | number;
  after?: string | null | undefined;
}>;


export type ReplyDeltasSubscription = { replyDeltas: { attempt: number, offset: number, text: string } };

export type InboxSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type InboxSubscription = { inbox: { complete: boolean, gone: Array<string>, conversations: Array<{ id: string, version: number, title: string | null, activeAt: string, unread: number, deleted: boolean }> } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const MessageFieldsFragmentDoc = new TypedDocumentString(`
    fragment MessageFields on Message {
  id
  version
  parent
  seq
  at
  parts {
    ... on TextPart {
      text
    }
  }
  reply {
    status
    attempt
    stopping
    model
    code
  }
  siblings {
    ids
    index
  }
}
    `, {"fragmentName":"MessageFields"}) as unknown as TypedDocumentString<MessageFieldsFragment, unknown>;
export const ThreadConversationFieldsFragmentDoc = new TypedDocumentString(`
    fragment ThreadConversationFields on Conversation {
  version
  title
  head
  deleted
}
    `, {"fragmentName":"ThreadConversationFields"}) as unknown as TypedDocumentString<ThreadConversationFieldsFragment, unknown>;
export const ConversationFieldsFragmentDoc = new TypedDocumentString(`
    fragment ConversationFields on Conversation {
  id
  version
  title
  activeAt
  unread
  deleted
}
    `, {"fragmentName":"ConversationFields"}) as unknown as TypedDocumentString<ConversationFieldsFragment, unknown>;
export const OutcomeFieldsFragmentDoc = new TypedDocumentString(`
    fragment OutcomeFields on CommandOutcome {
  kind: __typename
  ... on Accepted {
    position
  }
  ... on CommandError {
    code
    message
  }
  ... on Conflict {
    head
  }
}
    `, {"fragmentName":"OutcomeFields"}) as unknown as TypedDocumentString<OutcomeFieldsFragment, unknown>;
export const ViewerDocument = {"__meta__":{"hash":"sha256:8f71476611fd87a47b03073d05a07e0ae058e89140ce43d2e1387b6667ed7998"}} as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const ConversationsDocument = {"__meta__":{"hash":"sha256:13d7888c60291aee63a98eab1c02b9f0e9c26257e99be7fe7afec07ebd3a8b5b"}} as unknown as TypedDocumentString<ConversationsQuery, ConversationsQueryVariables>;
export const ThreadDocument = {"__meta__":{"hash":"sha256:76f2c85284ff1e4a07b3e1f6d5adea6edfc62bf41288fe54f92fd9e93e6d97cb"}} as unknown as TypedDocumentString<ThreadQuery, ThreadQueryVariables>;
export const StartDocument = {"__meta__":{"hash":"sha256:ad8b11714b02b700975aa0874a995c3f386097004dba7fb8ac0ab7030f892574"}} as unknown as TypedDocumentString<StartMutation, StartMutationVariables>;
export const PostDocument = {"__meta__":{"hash":"sha256:a91b9a53fd38f03829fe53f22fba7e15b4f9b0ba47398f0a782ff7f8f0abb757"}} as unknown as TypedDocumentString<PostMutation, PostMutationVariables>;
export const RenameDocument = {"__meta__":{"hash":"sha256:6c6138dc36ee8e9a11e70b3502989dd4a09bd3e7d97eba00cf5fb941d4211813"}} as unknown as TypedDocumentString<RenameMutation, RenameMutationVariables>;
export const DeleteDocument = {"__meta__":{"hash":"sha256:2807dea06a0fb6c01670df7fa9c053636bda90376817914c2ee7d0665a6a19c9"}} as unknown as TypedDocumentString<DeleteMutation, DeleteMutationVariables>;
export const ReadDocument = {"__meta__":{"hash":"sha256:fc178382b07159f8b4c7039fda4d7ef37ae63d647f0d60105d894fcda1033476"}} as unknown as TypedDocumentString<ReadMutation, ReadMutationVariables>;
export const StopDocument = {"__meta__":{"hash":"sha256:0f508e587b0a3e5c976ed5d234515563a180d70754583173329ecaada1d08e88"}} as unknown as TypedDocumentString<StopMutation, StopMutationVariables>;
export const ConversationEventsDocument = {"__meta__":{"hash":"sha256:22ded474d5d8ccd6757254e54635b60b2f8210883e0af0a09109ae67a04aaaf2"}} as unknown as TypedDocumentString<ConversationEventsSubscription, ConversationEventsSubscriptionVariables>;
export const ReplyDeltasDocument = {"__meta__":{"hash":"sha256:a093b55e191246c782e110819c4a224973abe5e0a7b14e45ae27862a966f1919"}} as unknown as TypedDocumentString<ReplyDeltasSubscription, ReplyDeltasSubscriptionVariables>;
export const InboxDocument = {"__meta__":{"hash":"sha256:d263a72865c67955e11d2d010856a7cedf47fbe0d2a0004b1c7661d298f4549d"}} as unknown as TypedDocumentString<InboxSubscription, InboxSubscriptionVariables>;