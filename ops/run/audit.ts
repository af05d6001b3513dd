import type { CommandClient } from '../../commands/client/client.js';
import { SYSTEM } from '../../domain/decider.js';
import { type Uuid, derivedId, inBucket, instanceStream, nameFor } from '../../domain/ids.js';
import type { EmbeddedProvider } from '../../gateway/identity/identity.js';
import type { OperatorAction } from '../operators/views.js';

/** Records what is asked for on the command line in the operators' audit. Whoever has the token may be anybody with the folder. */
export const recorder =
  (client: CommandClient, newId: () => Uuid) =>
  async ({ action, target, reason }: OperatorAction): Promise<boolean> => {
    const { status } = await client.send({
      id: inBucket(newId(), 0),
      actor: SYSTEM,
      stream: instanceStream,
      type: 'RecordAction',
      data: { by: 'command line', action, target, reason },
    });
    return status === 'accepted';
  };

export type FirstAccountOptions = {
  readonly provider: Pick<EmbeddedProvider, 'first'>;
  readonly client: CommandClient;
  readonly namespace: Uuid;
  readonly onFailure: (error: unknown) => void;
};

/** Records the roles of the first account, whenever it comes. Named so as to be told once. Returns what ends the looking. */
export function auditFirst({ provider, client, namespace, onFailure }: FirstAccountOptions): () => void {
  const record = async (): Promise<boolean> => {
    const first = provider.first();
    if (!first) return false;
    const user = derivedId(namespace, first.subject);
    const { status } = await client.send({
      id: nameFor(instanceStream, user, 'first account'),
      actor: SYSTEM,
      stream: instanceStream,
      type: 'GrantRoles',
      data: { user, roles: first.roles, reason: 'the first account of this installation' },
    });
    return status === 'accepted';
  };
  const timer = setInterval(() => {
    record()
      .then((told) => told && clearInterval(timer))
      .catch(onFailure);
  }, 1_000);
  return () => clearInterval(timer);
}
