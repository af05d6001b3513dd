import type { Draft, Sent } from '../../../commands/client/client.js';
import { personKey } from '../../../domain/content.js';
import { SYSTEM } from '../../../domain/decider.js';
import {
  type Stream,
  type StreamKind,
  type Uuid,
  bucketOf,
  bucketOfStream,
  instanceStream,
  isClientId,
  parseStream,
  streamOf,
} from '../../../domain/ids.js';
import type { Context } from '../../context.js';
import { requireNodeId } from '../ids.js';
import { type Done, auditCommandId, done, houseCommandId, refused } from '../outcome.js';

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** A draft without its actor: that is always the viewer. Its key is theirs, where it names no other. */
export type Wish = Without<Draft, 'actor'>;

/** What makes a command of an input: its id, its stream and the version that it minds. */
type Aim = { readonly id: Uuid; readonly stream: Stream; readonly expected?: number };

type Command = { readonly commandId: Uuid; readonly expected?: number | null | undefined };

export const aimAt = ({ commandId, expected }: Command, stream: Stream): Aim => ({
  id: commandId,
  stream,
  ...(expected == null ? {} : { expected }),
});

/** The conversation that an input names, and the aim at its stream. Throws BAD_ID. */
export function aimAtConversation(input: Command & { readonly conversation: string }) {
  const conversation = requireNodeId('conversation', input.conversation);
  return { conversation, aim: aimAt(input, streamOf('conversation', conversation)) };
}

/** Sends a person's own command. `conversation` is what it is about, where it is about one. */
export async function send({ client, identity }: Context, conversation: Uuid | undefined, wish: Wish): Promise<Done> {
  const fault = faultOf(wish);
  return (
    fault ?? done(await client.send({ key: personKey(identity.user), ...wish, actor: identity.user }), conversation)
  );
}

/** Whose last three digits the id of a command has, in words. */
const homes: Readonly<Record<StreamKind, string>> = {
  conversation: "the conversation's id",
  membership: "the viewer's user id",
  user: "the person's user id",
  instance: 'no id but 000',
};

/** What is wrong with the id of a client's command. Ids of version 5 are the reactors': nobody else may use them. */
export function faultOf({ id, stream }: Pick<Aim, 'id' | 'stream'>): Done | undefined {
  if (!isClientId(id)) return refused('INVALID', 'The commandId must be a UUID of version 7.');
  if (bucketOf(id) === bucketOfStream(stream)) return undefined;
  const home = homes[parseStream(stream).kind];
  return refused('WRONG_BUCKET', `The commandId must end in the last three digits of ${home}.`);
}

type HouseWish = Without<Extract<Draft, { type: 'SuspendUser' | 'ReinstateUser' }>, 'actor' | 'key'>;

/**
 * Sends what an operator asks for, as the installation; what came of it is accepted once the audit has it too. Sent again,
 * after whatever broke it off, it goes on where it was.
 */
export async function sendForOperator(context: Context, wish: HouseWish, action: string, target: Uuid): Promise<Done> {
  const { client, identity } = context;
  if (!identity.roles.includes('ops')) return refused('FORBIDDEN', 'This is for those who run this server.');
  // The last one who did could let nobody in again, themselves neither.
  if (wish.type === 'SuspendUser' && target === identity.user) {
    return refused('INVALID', 'You cannot suspend yourself: another operator can.');
  }
  const fault = faultOf(wish);
  if (fault) return fault;
  const own = (sent: Sent): Done => done(sent.status === 'pending' ? { ...sent, command: wish.id } : sent, undefined);

  const sent = await client.send({ ...wish, id: houseCommandId(identity.user, wish.id), actor: SYSTEM });
  // What was so already is nothing that an operator did.
  if (sent.status !== 'accepted' || sent.events === 0) return own(sent);
  const audit = await client.send({
    id: auditCommandId(identity.user, wish.id),
    actor: SYSTEM,
    stream: instanceStream,
    type: 'RecordAction',
    data: { by: identity.user, action, target, reason: wish.data.reason },
  });
  return own(audit.status === 'accepted' ? sent : audit);
}
