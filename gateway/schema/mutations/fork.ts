import { createHash } from 'node:crypto';
import type { Draft, Sent } from '../../../commands/client/client.js';
import { Refused } from '../../../commands/command.js';
import { cutText, limits, personKey } from '../../../domain/content.js';
import { type Uuid, bucketOf, nameFor, streamOf, timedId } from '../../../domain/ids.js';
import type { MessageRow } from '../../../projections/readmodel/core/rows.js';
import { type Context, seenConversation } from '../../context.js';
import { type Done, done, refused } from '../outcome.js';
import { notFound } from './access.js';
import { titleField } from './texts.js';

// A fork is a new conversation and then the messages of the branch, in pieces that one command can carry. Every id follows
// from the wish and the messages, so that the same wish sent again finds what is done and goes on behind it. The last piece
// has the id that the client chose: what came of the whole is known by that id only when the whole is there.

/** `title` undefined: that of the origin. */
export type Fork = {
  readonly command: Uuid;
  readonly conversation: Uuid;
  readonly origin: Uuid;
  readonly leaf: Uuid;
  readonly title: string | undefined;
};

type Copies = Extract<Draft, { type: 'CopyMessages' }>['data']['messages'];

/** How long one sending goes on, in ms: it ends with the piece that it is at. */
const PATIENCE = 5_000;
/** How many messages are read at a time. */
const PAGE = limits.copies;
/** How many bytes of messages go into a piece: a command and its events have 256 KB in all. */
const ROOM = 192 * 1024;

export async function fork(context: Context, wish: Fork): Promise<Done> {
  const until = context.now() + PATIENCE;
  try {
    const begun = await begin(context, wish);
    return begun ?? (await copyBranch(context, wish, until));
  } catch (error) {
    if (error instanceof Refused) return refused(error.code, error.message);
    throw error;
  }
}

/** Starts the new conversation, unless it was. Answers only where it cannot go on. */
async function begin(context: Context, wish: Fork): Promise<Done | undefined> {
  const { core, client, identity } = context;
  const { command, conversation, origin, leaf, title } = wish;
  const seen = await seenConversation(context, origin);
  if (!seen || seen.deleted) return notFound;
  if (seen.expires !== null)
    return refused('INVALID', 'A temporary conversation cannot be forked: it stays where it is.');
  const [end] = await core.branch(origin, leaf, 1, true);
  if (!end) return refused('NOT_FOUND', 'The message to fork from does not exist there.');
  if (end.reply && ['requested', 'running'].includes(end.reply.status)) {
    return refused('REPLY_RUNNING', 'The reply is still running: fork once it ends.');
  }
  const stream = streamOf('conversation', conversation);
  const id = nameFor(stream, command, `fork ${origin} ${leaf}`);
  // Where no title is given, that of the origin may be another by now: what is begun stays as it is.
  if (title === undefined && (await context.outcome({ actor: identity.user, id }))?.status === 'accepted')
    return undefined;
  const named = title ?? cutText((await context.load.title(seen)) ?? 'Fork', limits.title);
  const sent = await client.send({
    id,
    actor: identity.user,
    stream,
    key: personKey(identity.user),
    type: 'ForkConversation',
    data: { ...titleField(conversation, named), origin: { conversation: origin, message: leaf } },
  });
  return sent.status === 'accepted' ? undefined : answer(wish, sent);
}

const answer = ({ command, conversation }: Fork, sent: Sent): Done =>
  done(sent.status === 'pending' ? { ...sent, command } : sent, conversation);

/** Copies what is not copied yet, root first, until all is there or the time is over. */
async function copyBranch(context: Context, wish: Fork, until: number): Promise<Done> {
  const { core, client, identity, outcome } = context;
  const { command, conversation, origin, leaf } = wish;
  const stream = streamOf('conversation', conversation);
  const gone = refused('UNAVAILABLE', 'The branch cannot be read right now. Send it again in a moment.');
  /** A piece is named by its newest message. */
  const nameOf = (newest: Uuid): Uuid => (newest === leaf ? command : nameFor(stream, command, `copy ${newest}`));

  // From the leaf up to what is copied already, by the newest message of each page: a page is all that is held at a time.
  const pages: Uuid[] = [];
  for (let newest: Uuid | null = leaf; newest !== null;) {
    const known = await outcome({ actor: identity.user, id: nameOf(newest) });
    const copied = known?.status === 'accepted';
    // The last page is sent again even so: its owner tells whether that is what this id stood for.
    if (!copied || newest === leaf) pages.push(newest);
    if (copied) break;
    const oldest: MessageRow | undefined = (await core.branch(origin, newest, PAGE, true)).at(-1);
    if (!oldest) return gone;
    newest = oldest.parent;
  }

  for (const newest of pages.toReversed()) {
    if (!(await seenConversation(context, origin))) return notFound;
    const rows = (await core.branch(origin, newest, PAGE, true)).toReversed();
    for (const { last, messages } of pieces(conversation, rows)) {
      const id = nameOf(last);
      const sent = await client.send({ id, actor: identity.user, stream, type: 'CopyMessages', data: { messages } });
      if (sent.status !== 'accepted' || last === leaf) return answer(wish, sent);
      if (context.now() > until) return answer(wish, { status: 'pending', command });
    }
  }
  return gone;
}

/** Messages as they are copied, oldest first, in pieces that fit into a command; and the newest message of each. */
function pieces(conversation: Uuid, rows: readonly MessageRow[]): { last: Uuid; messages: Copies }[] {
  const made: { last: Uuid; messages: Copies[number][]; bytes: number }[] = [];
  for (const row of rows) {
    const { id, parent, author, parts, source } = row;
    const copy = {
      message: copyId(conversation, id),
      parent: parent === null ? null : copyId(conversation, parent),
      author,
      parts,
      // Its boxes are bound to the place where they were made, however often they were copied.
      source: source ?? id,
    };
    const bytes = Buffer.byteLength(JSON.stringify(copy));
    const piece = made.at(-1);
    if (piece && piece.bytes + bytes <= ROOM) {
      piece.messages.push(copy);
      piece.bytes += bytes;
      piece.last = id;
    } else {
      made.push({ last: id, messages: [copy], bytes });
    }
  }
  return made;
}

/** The id of the copy of a message: of version 7 as those that clients make, of the time of the conversation's. */
export function copyId(conversation: Uuid, source: Uuid): Uuid {
  const at = parseInt(conversation.replaceAll('-', '').slice(0, 12), 16);
  const bytes = createHash('sha256').update(`${conversation} ${source}`).digest().subarray(0, 16);
  return timedId(at, new Uint8Array(bytes), bucketOf(conversation));
}
