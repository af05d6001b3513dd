import type { ConversationRow } from '../../projections/readmodel/core/rows.js';
import type { Context } from '../context.js';
import { builder } from './builder.js';
import { clientError, nodeId, parseNodeId } from './ids.js';
import { Message } from './message.js';
import { type ConversationNode, type MessageNode, messageNode } from './nodes.js';
import { pageSize } from './paging.js';
import { STALE } from './words.js';

/** A page of one branch. `older` says whether the root is still further up, `newer` whether the branch goes on below. */
type ThreadPage = {
  readonly messages: readonly MessageNode[];
  readonly asOf: number;
  readonly older: boolean;
  readonly newer: boolean;
  readonly stale: boolean;
};

export const Thread = builder.objectRef<ThreadPage>('Thread').implement({
  description: 'A page of one branch, oldest message first.',
  fields: (t) => ({
    messages: t.field({
      type: [Message],
      description: 'Its messages, oldest first.',
      resolve: ({ messages }) => [...messages],
    }),
    asOf: t.exposeInt('asOf', {
      description: 'The version of the conversation that this page shows at least: subscribe from here.',
    }),
    before: t.string({
      nullable: true,
      description: 'The cursor of the next older page; null at the root.',
      resolve: ({ messages: [oldest], older }) => (older && oldest ? nodeId('message', oldest.row.id) : null),
    }),
    newer: t.id({
      nullable: true,
      description: 'Where a page `around` a message does not reach the end of its branch: look `around` this for more.',
      resolve: ({ messages, newer }) => {
        const newest = messages.at(-1);
        return newer && newest ? nodeId('message', newest.row.id) : null;
      },
    }),
    stale: t.exposeBoolean('stale', {
      description: STALE,
    }),
  }),
});

type ThreadArgs = {
  readonly leaf?: string | null | undefined;
  readonly around?: string | null | undefined;
  readonly before?: string | null | undefined;
  readonly first: number;
};

/**
 * A page of a conversation's thread. `asOf` is of the conversation's row, which was read before: the messages are read by
 * a later statement, and a view only moves forward, all rows of a batch in one transaction. So the page may hold messages
 * that are newer than `asOf`, which come again by subscription and are the same by (id, version), but it misses none.
 */
export async function readThread(
  { row, stale }: ConversationNode,
  args: ThreadArgs,
  context: Context,
): Promise<ThreadPage> {
  const size = pageSize(args.first);
  const [leaf, around, before] = [args.leaf, args.around, args.before].map(messageIn);
  if (around !== undefined && (leaf ?? before) !== undefined) {
    throw clientError('BAD_INPUT', 'Ask for a thread `around` a message, or from a `leaf` or `before` one: not both.');
  }
  const page = { messages: [], asOf: row.version, older: false, newer: false, stale };
  if (row.deleted) return page;
  const { load } = context;
  if (around !== undefined) return { ...page, ...(await readAround(row, around, size, context)) };
  const end = before ?? leaf ?? (await chosenLeaf(row, context));
  const found = await load.branch.load({
    conversation: row.id,
    message: end,
    first: size,
    inclusive: before === undefined,
  });
  return { ...page, ...pageOf(found) };
}

const pageOf = (found: readonly MessageNode['row'][]): Pick<ThreadPage, 'messages' | 'older'> => {
  const messages = found.toReversed().map(messageNode);
  return { messages, older: messages[0]?.row.parent != null };
};

/** The message in the middle, half a page of what came below it, and as much above as there is room for. */
async function readAround(
  { id: conversation }: ConversationRow,
  message: string,
  size: number,
  { load }: Context,
): Promise<Pick<ThreadPage, 'messages' | 'older' | 'newer'>> {
  const half = Math.floor(size / 2);
  // One step more than there is room for tells whether the branch goes on.
  const end = await load.end.load({ conversation, message, steps: half + 1 });
  if (!end) return { messages: [], older: false, newer: false };
  const found = await load.branch.load({ conversation, message: end.id, first: size + 1, inclusive: true });
  const newer = found.findIndex(({ id }) => id === message) > half;
  const from = newer ? 1 : 0;
  return { ...pageOf(found.slice(from, from + size)), newer };
}

/** How far below the branch that the viewer chose its end is looked for. */
const FAR = 1_000;

/**
 * Where the thread ends that the viewer sees: the end of the branch that they chose, which may have grown since, if it is
 * there; else the newest message. A branch that grew by more than FAR messages since is the one that everybody is in.
 */
export async function chosenLeaf({ id: conversation, head }: ConversationRow, { load }: Context): Promise<string> {
  const { leaf } = await load.relation(conversation);
  if (leaf === null || leaf === head) return head;
  const end = await load.end.load({ conversation, message: leaf, steps: FAR });
  return end?.whole ? end.id : head;
}

/** The UUID in the id of a message. Throws BAD_ID: a page that was asked from a wrong place would look like an end. */
function messageIn(id: string | null | undefined): string | undefined {
  if (id == null) return undefined;
  const uuid = parseNodeId('message', id);
  if (uuid === undefined) throw clientError('BAD_ID', `"${id}" is not the id of a message.`);
  return uuid;
}
