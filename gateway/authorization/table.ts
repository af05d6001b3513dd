// Who gets what. authorization.test.ts walks the schema, wants a row for everything in it, and tries every cell against a
// running server, each person with a token of their own.
//
// The people, as they stand to one conversation:
//   nobody      comes without a token
//   stranger    has nothing to do with it
//   removed     was a reader of it, and is no more
//   reader, writer, owner   are members of it
//   suspended   is a writer of it, whom an operator keeps out
//   analyst, ops            have that role of the installation, and are strangers to it
//
// What they get:
//   yes         it: the very same for all of them; of a command, that it is done
//   own         what is theirs in its place, and nobody else's
//   null        nothing, as if it were not there
//   sign-in     the code TOKEN_MISSING
//   unknown     the code NOT_FOUND, as if it were not there
//   forbidden   the code FORBIDDEN
//   suspended   the code SUSPENDED
//   any other   that code

/** What can be asked for, done and followed. Reads and streams of one conversation ask for that conversation. */
const roots = `
|                                 | nobody  | stranger  | removed   | reader    | writer    | owner     | suspended | analyst   | ops     |
| Query.viewer                    | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Query.conversation              | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Query.user                      | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Query.node                      | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Query.nodes                     | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Query.commandOutcome            | sign-in | null      | null      | null      | null      | yes       | suspended | null      | null    |
| Query.lag                       | sign-in | forbidden | forbidden | forbidden | forbidden | forbidden | suspended | forbidden | yes     |
| Query.deadLetters               | sign-in | forbidden | forbidden | forbidden | forbidden | forbidden | suspended | forbidden | yes     |
| Mutation.conversationStart      | sign-in | yes       | yes       | yes       | yes       | yes       | suspended | yes       | yes     |
| Mutation.conversationFork       | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.conversationRename     | sign-in | unknown   | unknown   | forbidden | forbidden | yes       | suspended | unknown   | unknown |
| Mutation.conversationDelete     | sign-in | unknown   | unknown   | forbidden | forbidden | yes       | suspended | unknown   | unknown |
| Mutation.conversationRestore    | sign-in | unknown   | unknown   | unknown   | unknown   | yes       | suspended | unknown   | unknown |
| Mutation.conversationShare      | sign-in | unknown   | unknown   | forbidden | forbidden | yes       | suspended | unknown   | unknown |
| Mutation.conversationUnshare    | sign-in | unknown   | unknown   | forbidden | forbidden | yes       | suspended | unknown   | unknown |
| Mutation.messagePost            | sign-in | unknown   | unknown   | forbidden | yes       | yes       | suspended | unknown   | unknown |
| Mutation.replyRequest           | sign-in | unknown   | unknown   | forbidden | yes       | yes       | suspended | unknown   | unknown |
| Mutation.replyStop              | sign-in | unknown   | unknown   | forbidden | yes       | yes       | suspended | unknown   | unknown |
| Mutation.feedbackGive           | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.memberAdd              | sign-in | unknown   | unknown   | forbidden | forbidden | yes       | suspended | unknown   | unknown |
| Mutation.memberRoleChange       | sign-in | unknown   | unknown   | forbidden | forbidden | yes       | suspended | unknown   | unknown |
| Mutation.memberRemove           | sign-in | unknown   | unknown   | forbidden | forbidden | yes       | suspended | unknown   | unknown |
| Mutation.memberRemove: oneself  | sign-in | unknown   | unknown   | yes       | yes       | INVALID   | suspended | unknown   | unknown |
| Mutation.conversationRead       | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.conversationPin        | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.conversationArchive    | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.conversationTag        | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.branchChoose           | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.conversationHide       | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.typingSet              | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Mutation.profileChange          | sign-in | yes       | yes       | yes       | yes       | yes       | suspended | yes       | yes     |
| Mutation.preferencesChange      | sign-in | yes       | yes       | yes       | yes       | yes       | suspended | yes       | yes     |
| Mutation.accountErase           | sign-in | yes       | yes       | yes       | yes       | yes       | suspended | yes       | yes     |
| Mutation.userSuspend            | sign-in | forbidden | forbidden | forbidden | forbidden | forbidden | suspended | forbidden | yes     |
| Mutation.userReinstate          | sign-in | forbidden | forbidden | forbidden | forbidden | forbidden | suspended | forbidden | yes     |
| Mutation.deadLetterRetry        | sign-in | forbidden | forbidden | forbidden | forbidden | forbidden | suspended | forbidden | yes     |
| Subscription.conversationEvents | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Subscription.replyDeltas        | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Subscription.typing             | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| Subscription.inbox              | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
`;

/** What is found by its id, by node and by nodes alike. */
const nodes = `
|                                 | nobody  | stranger | removed | reader | writer | owner | suspended | analyst | ops  |
| User: oneself                   | sign-in | own      | own     | own    | own    | own   | suspended | own     | own  |
| User: the owner                 | sign-in | null     | null    | yes    | yes    | yes   | suspended | null    | null |
| User: a guest of none of these  | sign-in | null     | null    | null   | null   | null  | suspended | null    | null |
| Conversation                    | sign-in | null     | null    | yes    | yes    | yes   | suspended | null    | null |
| Conversation: deleted           | sign-in | null     | null    | null   | null   | yes   | suspended | null    | null |
| Conversation: temporary         | sign-in | null     | null    | null   | null   | yes   | suspended | null    | null |
| Message                         | sign-in | null     | null    | yes    | yes    | yes   | suspended | null    | null |
| Message: of a deleted one       | sign-in | null     | null    | null   | null   | null  | suspended | null    | null |
| Message: of a temporary one     | sign-in | null     | null    | null   | null   | yes   | suspended | null    | null |
`;

/** The fields of each type: one row for all that are seen by whoever sees the object, and one for each that is not so. */
const fields = `
|                                 | nobody  | stranger  | removed   | reader    | writer    | owner     | suspended | analyst   | ops     |
| Viewer.user                     | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Viewer.email                    | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Viewer.roles                    | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Viewer.preferences              | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Viewer.conversations            | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Viewer.memberships              | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Viewer.stale                    | sign-in | yes       | yes       | yes       | yes       | yes       | suspended | yes       | yes     |
| Preferences.instructions        | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Preferences.theme               | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Preferences.language            | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| ConversationConnection          | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| PageInfo.hasNextPage            | sign-in | yes       | yes       | yes       | yes       | yes       | suspended | yes       | yes     |
| PageInfo.endCursor              | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| MembershipConnection.nodes      | sign-in | null      | null      | own       | own       | null      | suspended | null      | null    |
| MembershipConnection.pageInfo   | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Membership.id                   | sign-in | null      | null      | yes       | yes       | null      | suspended | null      | null    |
| Membership.conversation         | sign-in | null      | null      | yes       | yes       | null      | suspended | null      | null    |
| Membership.role                 | sign-in | null      | null      | own       | own       | null      | suspended | null      | null    |
| Membership.version              | sign-in | null      | null      | own       | own       | null      | suspended | null      | null    |
| User                            | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Conversation                    | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Conversation.role               | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Conversation.leaf               | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Conversation.readSeq            | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Conversation.unread             | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Conversation.pinned             | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Conversation.archived           | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Conversation.hidden             | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Conversation.tags               | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Conversation.expires            | sign-in | null      | null      | null      | null      | yes       | suspended | null      | null    |
| Member                          | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Share                           | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Origin                          | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Thread                          | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Message                         | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Message.feedback                | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Feedback.value                  | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| Feedback.comment                | sign-in | null      | null      | own       | own       | own       | suspended | null      | null    |
| TextPart                        | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Reply                           | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Siblings                        | sign-in | null      | null      | yes       | yes       | yes       | suspended | null      | null    |
| Accepted                        | sign-in | null      | null      | null      | null      | yes       | suspended | null      | null    |
| Conflict                        | sign-in | null      | null      | null      | null      | yes       | suspended | null      | null    |
| Rejected                        | sign-in | null      | null      | null      | null      | yes       | suspended | null      | null    |
| Pending                         | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| ConversationUpdate              | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| ReplyDelta                      | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| TypingUpdate                    | sign-in | unknown   | unknown   | yes       | yes       | yes       | suspended | unknown   | unknown |
| InboxUpdate.complete            | sign-in | yes       | yes       | yes       | yes       | yes       | suspended | yes       | yes     |
| InboxUpdate.conversations       | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| InboxUpdate.gone                | sign-in | own       | own       | own       | own       | own       | suspended | own       | own     |
| Lag                             | sign-in | forbidden | forbidden | forbidden | forbidden | forbidden | suspended | forbidden | yes     |
| DeadLetter                      | sign-in | forbidden | forbidden | forbidden | forbidden | forbidden | suspended | forbidden | yes     |
| DeadLetterError                 | sign-in | forbidden | forbidden | forbidden | forbidden | forbidden | suspended | forbidden | yes     |
`;

export const audiences = [
  'nobody',
  'stranger',
  'removed',
  'reader',
  'writer',
  'owner',
  'suspended',
  'analyst',
  'ops',
] as const;
export type Audience = (typeof audiences)[number];

/** What each of them gets: 'yes', 'own', 'null', or a code. */
export type Row = { readonly name: string; readonly cells: ReadonlyMap<Audience, string> };

const codes: ReadonlyMap<string, string> = new Map([
  ['sign-in', 'TOKEN_MISSING'],
  ['unknown', 'NOT_FOUND'],
  ['forbidden', 'FORBIDDEN'],
  ['suspended', 'SUSPENDED'],
]);

/** Reads a table. Throws at a line that has not a cell for everybody, and at a name that is there twice. */
function parse(text: string): readonly Row[] {
  const [head = [], ...lines] = text
    .trim()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const names = lines.map(([name = '']) => name);
  return lines.map((line, n) => {
    const [name = ''] = line;
    if (names.indexOf(name) !== n) throw new Error(`${name} is there twice`);
    const cells = audiences.map((who) => {
      const cell = line[head.indexOf(who)] ?? '';
      const known = codes.get(cell) ?? cell;
      if (!/^(yes|own|null|[A-Z_]+)$/.test(known)) throw new Error(`${name} says "${cell}" of ${who}`);
      return [who, known] as const;
    });
    return { name, cells: new Map(cells) };
  });
}

export const table = { roots: parse(roots), nodes: parse(nodes), fields: parse(fields) };
