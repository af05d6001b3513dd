import { graphql } from './generated/index.js';

export const MessageFields = graphql(/* GraphQL */ `
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
`);

/**
 * What a screen shows of its conversation. Many follow one, so it is only what is the same for all of them: then each change
 * is executed once for them all (gateway/documents/sharing.ts).
 */
export const ThreadConversationFields = graphql(/* GraphQL */ `
  fragment ThreadConversationFields on Conversation {
    version
    title
    head
    deleted
  }
`);

/** What the sidebar shows of one. */
export const ConversationFields = graphql(/* GraphQL */ `
  fragment ConversationFields on Conversation {
    id
    version
    title
    activeAt
    unread
    deleted
  }
`);

export const ViewerQuery = graphql(/* GraphQL */ `
  query Viewer {
    viewer {
      user {
        id
        name
      }
    }
  }
`);

export const ConversationsQuery = graphql(/* GraphQL */ `
  query Conversations($after: String) {
    viewer {
      conversations(after: $after) {
        nodes {
          ...ConversationFields
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export const ThreadQuery = graphql(/* GraphQL */ `
  query Thread($id: ID!, $leaf: ID, $before: String) {
    conversation(id: $id) {
      ...ThreadConversationFields
      thread(leaf: $leaf, before: $before) {
        asOf
        before
        messages {
          ...MessageFields
        }
      }
    }
  }
`);

export const OutcomeFields = graphql(/* GraphQL */ `
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
`);

export const StartMutation = graphql(/* GraphQL */ `
  mutation Start($input: ConversationStartInput!) {
    outcome: conversationStart(input: $input) {
      ...OutcomeFields
    }
  }
`);

export const PostMutation = graphql(/* GraphQL */ `
  mutation Post($input: MessagePostInput!) {
    outcome: messagePost(input: $input) {
      ...OutcomeFields
    }
  }
`);

export const RenameMutation = graphql(/* GraphQL */ `
  mutation Rename($input: ConversationRenameInput!) {
    outcome: conversationRename(input: $input) {
      ...OutcomeFields
    }
  }
`);

export const DeleteMutation = graphql(/* GraphQL */ `
  mutation Delete($input: ConversationDeleteInput!) {
    outcome: conversationDelete(input: $input) {
      ...OutcomeFields
    }
  }
`);

export const ReadMutation = graphql(/* GraphQL */ `
  mutation Read($input: ConversationReadInput!) {
    outcome: conversationRead(input: $input) {
      ...OutcomeFields
    }
  }
`);

export const StopMutation = graphql(/* GraphQL */ `
  mutation Stop($input: ReplyStopInput!) {
    outcome: replyStop(input: $input) {
      ...OutcomeFields
    }
  }
`);

export const ConversationEvents = graphql(/* GraphQL */ `
  subscription ConversationEvents($id: ID!, $asOf: Int!, $after: Position) {
    conversationEvents(id: $id, asOf: $asOf, after: $after) {
      from
      to
      removed
      conversation {
        ...ThreadConversationFields
      }
      messages {
        ...MessageFields
      }
    }
  }
`);

export const ReplyDeltas = graphql(/* GraphQL */ `
  subscription ReplyDeltas($id: ID!, $after: Position) {
    replyDeltas(id: $id, after: $after) {
      attempt
      offset
      text
    }
  }
`);

export const Inbox = graphql(/* GraphQL */ `
  subscription Inbox {
    inbox {
      complete
      conversations {
        ...ConversationFields
      }
      gone
    }
  }
`);
