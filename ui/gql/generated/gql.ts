/* eslint-disable */
import * as types from './graphql';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  fragment MessageFields on Message {\n    id\n    version\n    parent\n    seq\n    at\n    parts {\n      ... on TextPart {\n        text\n      }\n    }\n    reply {\n      status\n      attempt\n      stopping\n      model\n      code\n    }\n    siblings {\n      ids\n      index\n    }\n  }\n": typeof types.MessageFieldsFragmentDoc,
    "\n  fragment ThreadConversationFields on Conversation {\n    version\n    title\n    head\n    deleted\n  }\n": typeof types.ThreadConversationFieldsFragmentDoc,
    "\n  fragment ConversationFields on Conversation {\n    id\n    version\n    title\n    activeAt\n    unread\n    deleted\n  }\n": typeof types.ConversationFieldsFragmentDoc,
    "\n  query Viewer {\n    viewer {\n      user {\n        id\n        name\n      }\n    }\n  }\n": typeof types.ViewerDocument,
    "\n  query Conversations($after: String) {\n    viewer {\n      conversations(after: $after) {\n        nodes {\n          ...ConversationFields\n        }\n        pageInfo {\n          hasNextPage\n          endCursor\n        }\n      }\n    }\n  }\n": typeof types.ConversationsDocument,
    "\n  query Thread($id: ID!, $leaf: ID, $before: String) {\n    conversation(id: $id) {\n      ...ThreadConversationFields\n      thread(leaf: $leaf, before: $before) {\n        asOf\n        before\n        messages {\n          ...MessageFields\n        }\n      }\n    }\n  }\n": typeof types.ThreadDocument,
    "\n  fragment OutcomeFields on CommandOutcome {\n    kind: __typename\n    ... on Accepted {\n      position\n    }\n    ... on CommandError {\n      code\n      message\n    }\n    ... on Conflict {\n      head\n    }\n  }\n": typeof types.OutcomeFieldsFragmentDoc,
    "\n  mutation Start($input: ConversationStartInput!) {\n    outcome: conversationStart(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": typeof types.StartDocument,
    "\n  mutation Post($input: MessagePostInput!) {\n    outcome: messagePost(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": typeof types.PostDocument,
    "\n  mutation Rename($input: ConversationRenameInput!) {\n    outcome: conversationRename(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": typeof types.RenameDocument,
    "\n  mutation Delete($input: ConversationDeleteInput!) {\n    outcome: conversationDelete(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": typeof types.DeleteDocument,
    "\n  mutation Read($input: ConversationReadInput!) {\n    outcome: conversationRead(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": typeof types.ReadDocument,
    "\n  mutation Stop($input: ReplyStopInput!) {\n    outcome: replyStop(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": typeof types.StopDocument,
    "\n  subscription ConversationEvents($id: ID!, $asOf: Int!, $after: Position) {\n    conversationEvents(id: $id, asOf: $asOf, after: $after) {\n      from\n      to\n      removed\n      conversation {\n        ...ThreadConversationFields\n      }\n      messages {\n        ...MessageFields\n      }\n    }\n  }\n": typeof types.ConversationEventsDocument,
    "\n  subscription ReplyDeltas($id: ID!, $after: Position) {\n    replyDeltas(id: $id, after: $after) {\n      attempt\n      offset\n      text\n    }\n  }\n": typeof types.ReplyDeltasDocument,
    "\n  subscription Inbox {\n    inbox {\n      complete\n      conversations {\n        ...ConversationFields\n      }\n      gone\n    }\n  }\n": typeof types.InboxDocument,
};
const documents: Documents = {
    "\n  fragment MessageFields on Message {\n    id\n    version\n    parent\n    seq\n    at\n    parts {\n      ... on TextPart {\n        text\n      }\n    }\n    reply {\n      status\n      attempt\n      stopping\n      model\n      code\n    }\n    siblings {\n      ids\n      index\n    }\n  }\n": types.MessageFieldsFragmentDoc,
    "\n  fragment ThreadConversationFields on Conversation {\n    version\n    title\n    head\n    deleted\n  }\n": types.ThreadConversationFieldsFragmentDoc,
    "\n  fragment ConversationFields on Conversation {\n    id\n    version\n    title\n    activeAt\n    unread\n    deleted\n  }\n": types.ConversationFieldsFragmentDoc,
    "\n  query Viewer {\n    viewer {\n      user {\n        id\n        name\n      }\n    }\n  }\n": types.ViewerDocument,
    "\n  query Conversations($after: String) {\n    viewer {\n      conversations(after: $after) {\n        nodes {\n          ...ConversationFields\n        }\n        pageInfo {\n          hasNextPage\n          endCursor\n        }\n      }\n    }\n  }\n": types.ConversationsDocument,
    "\n  query Thread($id: ID!, $leaf: ID, $before: String) {\n    conversation(id: $id) {\n      ...ThreadConversationFields\n      thread(leaf: $leaf, before: $before) {\n        asOf\n        before\n        messages {\n          ...MessageFields\n        }\n      }\n    }\n  }\n": types.ThreadDocument,
    "\n  fragment OutcomeFields on CommandOutcome {\n    kind: __typename\n    ... on Accepted {\n      position\n    }\n    ... on CommandError {\n      code\n      message\n    }\n    ... on Conflict {\n      head\n    }\n  }\n": types.OutcomeFieldsFragmentDoc,
    "\n  mutation Start($input: ConversationStartInput!) {\n    outcome: conversationStart(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": types.StartDocument,
    "\n  mutation Post($input: MessagePostInput!) {\n    outcome: messagePost(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": types.PostDocument,
    "\n  mutation Rename($input: ConversationRenameInput!) {\n    outcome: conversationRename(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": types.RenameDocument,
    "\n  mutation Delete($input: ConversationDeleteInput!) {\n    outcome: conversationDelete(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": types.DeleteDocument,
    "\n  mutation Read($input: ConversationReadInput!) {\n    outcome: conversationRead(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": types.ReadDocument,
    "\n  mutation Stop($input: ReplyStopInput!) {\n    outcome: replyStop(input: $input) {\n      ...OutcomeFields\n    }\n  }\n": types.StopDocument,
    "\n  subscription ConversationEvents($id: ID!, $asOf: Int!, $after: Position) {\n    conversationEvents(id: $id, asOf: $asOf, after: $after) {\n      from\n      to\n      removed\n      conversation {\n        ...ThreadConversationFields\n      }\n      messages {\n        ...MessageFields\n      }\n    }\n  }\n": types.ConversationEventsDocument,
    "\n  subscription ReplyDeltas($id: ID!, $after: Position) {\n    replyDeltas(id: $id, after: $after) {\n      attempt\n      offset\n      text\n    }\n  }\n": types.ReplyDeltasDocument,
    "\n  subscription Inbox {\n    inbox {\n      complete\n      conversations {\n        ...ConversationFields\n      }\n      gone\n    }\n  }\n": types.InboxDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment MessageFields on Message {\n    id\n    version\n    parent\n    seq\n    at\n    parts {\n      ... on TextPart {\n        text\n      }\n    }\n    reply {\n      status\n      attempt\n      stopping\n      model\n      code\n    }\n    siblings {\n      ids\n      index\n    }\n  }\n"): typeof import('./graphql').MessageFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment ThreadConversationFields on Conversation {\n    version\n    title\n    head\n    deleted\n  }\n"): typeof import('./graphql').ThreadConversationFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment ConversationFields on Conversation {\n    id\n    version\n    title\n    activeAt\n    unread\n    deleted\n  }\n"): typeof import('./graphql').ConversationFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Viewer {\n    viewer {\n      user {\n        id\n        name\n      }\n    }\n  }\n"): typeof import('./graphql').ViewerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Conversations($after: String) {\n    viewer {\n      conversations(after: $after) {\n        nodes {\n          ...ConversationFields\n        }\n        pageInfo {\n          hasNextPage\n          endCursor\n        }\n      }\n    }\n  }\n"): typeof import('./graphql').ConversationsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Thread($id: ID!, $leaf: ID, $before: String) {\n    conversation(id: $id) {\n      ...ThreadConversationFields\n      thread(leaf: $leaf, before: $before) {\n        asOf\n        before\n        messages {\n          ...MessageFields\n        }\n      }\n    }\n  }\n"): typeof import('./graphql').ThreadDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment OutcomeFields on CommandOutcome {\n    kind: __typename\n    ... on Accepted {\n      position\n    }\n    ... on CommandError {\n      code\n      message\n    }\n    ... on Conflict {\n      head\n    }\n  }\n"): typeof import('./graphql').OutcomeFieldsFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Start($input: ConversationStartInput!) {\n    outcome: conversationStart(input: $input) {\n      ...OutcomeFields\n    }\n  }\n"): typeof import('./graphql').StartDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Post($input: MessagePostInput!) {\n    outcome: messagePost(input: $input) {\n      ...OutcomeFields\n    }\n  }\n"): typeof import('./graphql').PostDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Rename($input: ConversationRenameInput!) {\n    outcome: conversationRename(input: $input) {\n      ...OutcomeFields\n    }\n  }\n"): typeof import('./graphql').RenameDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Delete($input: ConversationDeleteInput!) {\n    outcome: conversationDelete(input: $input) {\n      ...OutcomeFields\n    }\n  }\n"): typeof import('./graphql').DeleteDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Read($input: ConversationReadInput!) {\n    outcome: conversationRead(input: $input) {\n      ...OutcomeFields\n    }\n  }\n"): typeof import('./graphql').ReadDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Stop($input: ReplyStopInput!) {\n    outcome: replyStop(input: $input) {\n      ...OutcomeFields\n    }\n  }\n"): typeof import('./graphql').StopDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription ConversationEvents($id: ID!, $asOf: Int!, $after: Position) {\n    conversationEvents(id: $id, asOf: $asOf, after: $after) {\n      from\n      to\n      removed\n      conversation {\n        ...ThreadConversationFields\n      }\n      messages {\n        ...MessageFields\n      }\n    }\n  }\n"): typeof import('./graphql').ConversationEventsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription ReplyDeltas($id: ID!, $after: Position) {\n    replyDeltas(id: $id, after: $after) {\n      attempt\n      offset\n      text\n    }\n  }\n"): typeof import('./graphql').ReplyDeltasDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription Inbox {\n    inbox {\n      complete\n      conversations {\n        ...ConversationFields\n      }\n      gone\n    }\n  }\n"): typeof import('./graphql').InboxDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
