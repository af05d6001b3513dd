/** How the reference begins. */
export const opening = `
# The GraphQL API

Everything that the page does goes through one GraphQL endpoint, and so can you. This page is made from the schema
(\`npm run schema\`); [schema.graphql](../../gateway/schema/schema.graphql) is the same for machines.

- **Where**: \`POST /graphql\` with \`content-type: application/json\` and \`{ "query": …, "variables": … }\`; the same path takes
  a WebSocket that speaks \`graphql-transport-ws\` (the package \`graphql-ws\`), for subscriptions and for all the rest.
- **Who**: an access token of the identity provider. Over POST as \`authorization: Bearer …\`, over a socket as
  \`{ "authorization": "Bearer …" }\` in \`connection_init\`. There are no cookies. \`/config.json\` names the provider, from
  which everything else is discovered (OpenID Connect, code flow with PKCE).
- **Ids** look like \`conversation_018f…\`: what it is, and a UUID in lower case. _The last three hex digits of a UUID say where
  it lives._ You make the ids of what you begin, as UUIDs of version 7: a conversation's with the last three digits of your
  own user id; those of its messages, replies and shares, and of the commands to it, with the last three digits of the
  conversation. So what you show at once keeps its id, and what is sent twice is done once.
- **Commands** are mutations. Each has a \`commandId\` and answers with what came of it, as data: \`Accepted\`, it is in the log
  and will not be lost; a \`CommandError\`, it changed nothing; or \`Pending\`, no answer came in time: ask \`commandOutcome\`, or
  send the very same again.
- **Read what you wrote**: \`Accepted\` has a \`position\`. Pass it as \`after\` to a read, and the read waits until it shows what
  you did, 2 s at most. If it still does not, the answer says \`stale: true\`, and is an older state.
- **Live**: a thread says what version it shows (\`asOf\`). Subscribe from there and you get every change after it, once and in
  order. Put what comes in by (id, version): the higher version is the newer. When a socket was cut, subscribe again with
  the \`to\` of the last update.
- **Unknown and forbidden look alike**: what is not for you to see is \`null\`, or \`NOT_FOUND\`.
`;

/** Documents for what clients mostly do. A test holds that they are valid, variables and all. */
export type Flow = {
  readonly title: string;
  readonly text: string;
  readonly document: string;
  readonly variables?: Readonly<Record<string, unknown>>;
};

const conversation = 'conversation_01912f6e-7c00-7000-8000-0000000005c1';
const message = 'message_01912f6e-7c01-7000-8000-0000000005c1';
const reply = 'message_01912f6e-7c02-7000-8000-0000000005c1';
const commandId = '01912f6e-7c03-7000-8000-0000000005c1';
const POSITION = 'eyJsb2ciOi…';

export const flows: readonly Flow[] = [
  {
    title: 'Who am I',
    text: 'Your first request with a valid token registers you. Your user id ends in the three digits that your conversations must have.',
    document: `
query {
  viewer {
    user { id name }
    email
    roles
    preferences { instructions theme language }
  }
}`,
  },
  {
    title: 'Begin a conversation',
    text: 'With its first message, and the id of the reply that is to come. The title comes by itself.',
    document: `
mutation ($input: ConversationStartInput!) {
  conversationStart(input: $input) {
    __typename
    ... on Accepted { position }
    ... on CommandError { code message }
    ... on Pending { commandId }
  }
}`,
    variables: { input: { commandId, conversation, message, reply, text: 'How do tides work?' } },
  },
  {
    title: 'Watch the reply being written',
    text: 'First the text so far, then what comes; it ends with the reply. `offset` counts UTF-16 units; a higher `attempt` begins anew.',
    document: `
subscription ($id: ID!) {
  replyDeltas(id: $id) { attempt part offset text }
}`,
    variables: { id: reply },
  },
  {
    title: 'Open a conversation',
    text:
      'The newest page of the branch that you last chose. `siblings` tells of other branches: ask for the thread of one with ' +
      '`leaf`. `before` is the cursor of the next older page. `after` is the position of the last thing that you did, if any.',
    document: `
query ($id: ID!, $before: String, $after: Position) {
  conversation(id: $id, after: $after) {
    id version title role unread stale
    members { person role user { name } }
    thread(before: $before, first: 20) {
      asOf
      before
      messages {
        id version parent seq at
        author { id name }
        parts { ... on TextPart { text } }
        reply { status attempt model code finish }
        siblings { ids index }
        feedback { value comment }
      }
    }
  }
}`,
    variables: { id: conversation, after: POSITION },
  },
  {
    title: 'Jump to a message',
    text: 'A page with the message in its middle. Where the branch goes on below it, `newer` is the message to look `around` next.',
    document: `
query ($id: ID!, $message: ID!) {
  conversation(id: $id) {
    thread(around: $message) {
      newer
      before
      messages { id seq }
    }
  }
}`,
    variables: { id: conversation, message },
  },
  {
    title: 'Follow a conversation',
    text: 'From the `asOf` of the thread that you have. Each update has all rows that changed between two versions, as they are now.',
    document: `
subscription ($id: ID!, $asOf: Int!) {
  conversationEvents(id: $id, asOf: $asOf) {
    from
    to
    conversation { id version title deleted }
    messages { id version parent seq parts { ... on TextPart { text } } reply { status } }
  }
}`,
    variables: { id: conversation, asOf: 3 },
  },
  {
    title: 'Say more',
    text:
      'Name the message that you answer: the last one that you saw. If the branch has grown meanwhile, in a conversation of your ' +
      'own the answer is `Conflict` with its newest message; where there are several people it goes to the end of the branch. ' +
      '`fork: true` makes another branch on purpose, which is how a message is edited.',
    document: `
mutation ($input: MessagePostInput!) {
  messagePost(input: $input) {
    __typename
    ... on Accepted { position }
    ... on Conflict { head }
    ... on CommandError { code message }
  }
}`,
    variables: {
      input: {
        commandId: '01912f6e-7c10-7000-8000-0000000005c1',
        conversation,
        parent: reply,
        message: 'message_01912f6e-7c11-7000-8000-0000000005c1',
        reply: 'message_01912f6e-7c12-7000-8000-0000000005c1',
        text: 'And the moon?',
      },
    },
  },
  {
    title: 'List conversations',
    text: 'Newest activity first. The subscription `inbox` sends the first page, and then each conversation as it changes.',
    document: `
query ($cursor: String) {
  viewer {
    conversations(filter: INBOX, first: 50, after: $cursor) {
      nodes { id version title activeAt unread pinned tags }
      pageInfo { hasNextPage endCursor }
    }
  }
}`,
  },
  {
    title: 'Ask what came of a command',
    text: 'After `Pending`, or when the connection broke before the answer. Null: it is not decided. Send it again with the same id.',
    document: `
query ($id: UUID!) {
  commandOutcome(id: $id) {
    __typename
    ... on Accepted { position }
    ... on CommandError { code message }
  }
}`,
    variables: { id: commandId },
  },
];
