import { type Sent, isUndecided } from '../commands/client/client.js';
import { contentOf, limits, personKey } from '../domain/content.js';
import { nameFor, streamOf } from '../domain/ids.js';
import { PATIENCE, type Services } from './context.js';
import type { Identity } from './identity/identity.js';

/** How many people are remembered who were asked about and are not in the view: those who are there need no memory. */
const ROOM = 10_000;

/**
 * Whoever comes with a valid token for the first time is registered: the identity provider is the master of accounts,
 * the log of what they do. The command is named after the person, so that it is done once however often it is sent.
 */
export function createRegistrar({
  client,
  core,
}: Pick<Services, 'client' | 'core'>): (identity: Identity) => Promise<void> {
  const known = new Map<string, Promise<Sent>>();

  const send = async ({ user, name }: Identity): Promise<Sent> => {
    const plain = name.slice(0, limits.name).toWellFormed();
    const stream = streamOf('user', user);
    const sent = await client.send({
      id: nameFor(stream, user, 'register'),
      actor: user,
      stream,
      key: personKey(user),
      type: 'RegisterUser',
      data: { name: { plain, content: contentOf.name(user) }, chars: plain.length },
    });
    if (sent.status === 'accepted') await core.reached(sent.position, PATIENCE);
    return sent;
  };

  return async (identity) => {
    const sending = known.get(identity.user) ?? send(identity);
    known.set(identity.user, sending);
    const [oldest] = known.keys();
    if (known.size > ROOM && oldest !== undefined) known.delete(oldest);
    const sent = await sending.catch(() => undefined);
    // Refused for good is as good as done: under another name by now, or erased. Only what was not decided is sent again.
    if (!sent || isUndecided(sent)) known.delete(identity.user);
  };
}
