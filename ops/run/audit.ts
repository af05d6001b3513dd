import type { CommandClient } from '../../commands/client/client.js';
import { SYSTEM } from '../../domain/decider.js';
import { type Uuid, inBucket, instanceStream } from '../../domain/ids.js';
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
