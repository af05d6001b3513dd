import { conversationKey, personKey } from '../../../domain/content.js';
import { type Uuid, bucketOf } from '../../../domain/ids.js';
import type { SeenConversation } from '../../../projections/readmodel/core/rows.js';
import { type Context, PATIENCE, seenConversation } from '../../context.js';
import { type Done, refused } from '../outcome.js';

/** Unknown and forbidden answer alike. */
export const notFound = refused('NOT_FOUND', 'This conversation does not exist, or it is not yours.');

/**
 * A conversation as the viewer sees it. One of their own home may have been started a moment ago: it is waited for, until
 * the view shows it or 2 s have passed.
 */
export async function seenSoon(context: Context, id: Uuid): Promise<SeenConversation | undefined> {
  const seen = await seenConversation(context, id);
  if (seen || bucketOf(id) !== bucketOf(context.identity.user)) return seen;
  let tell = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const timer = setTimeout(tell, PATIENCE);
  // Attached before it is looked for, so that a notice in between is not missed.
  const detach = await context.sessions.attach(`conversation:${id}`, () => tell());
  try {
    const now = await seenConversation(context, id);
    if (now) return now;
    await told;
    return await seenConversation(context, id);
  } finally {
    detach();
    clearTimeout(timer);
  }
}

/**
 * What is wrong with the ids of new messages, where one is that of a message elsewhere. Views and assistants find a message
 * by its id alone, so that theirs would stand in place of the other; and a conversation's owner knows those of its own only.
 * Whoever could know such an id has it from the view.
 */
export async function elsewhereFault(
  { core }: Context,
  conversation: Uuid,
  ids: readonly Uuid[],
): Promise<Done | undefined> {
  const found = await core.messages(ids);
  const taken = found.find((message) => message.conversation !== conversation);
  return taken && refused('ID_TAKEN', `The id ${taken.id} is taken: make a new one.`);
}

/** How many conversations are remembered as lasting. */
const ROOM = 10_000;

/**
 * The key under which the viewer's words go into a conversation: its own if it is temporary, else theirs. A temporary one
 * is for its starter alone, whose id has the bucket of theirs: for everybody else nothing has to be looked up.
 */
export async function keyOfWords(context: Context, conversation: Uuid): Promise<string> {
  const own = personKey(context.identity.user);
  const { identity, lasting } = context;
  if (bucketOf(conversation) !== bucketOf(identity.user) || lasting.has(conversation)) return own;
  const seen = await seenSoon(context, conversation);
  if (seen && seen.expires !== null) return conversationKey(conversation);
  if (seen) {
    if (lasting.size >= ROOM) lasting.clear();
    lasting.add(conversation);
  }
  return own;
}

/**
 * The key of a title: that of who started the conversation, so that it stays when somebody else leaves for good. Once they
 * are erased their key is gone; then it is the viewer's.
 */
export async function keyOfTitle(context: Context, conversation: Uuid): Promise<string> {
  const own = personKey(context.identity.user);
  const seen = await seenSoon(context, conversation);
  if (!seen) return own;
  if (seen.expires !== null) return conversationKey(conversation);
  const starter = await context.load.user.load(seen.starter);
  return starter && starter.status !== 'erased' ? personKey(seen.starter) : own;
}
