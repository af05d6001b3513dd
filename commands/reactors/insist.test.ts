import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { clientId } from '../../domain/testing.js';
import type { CommandClient, Draft, Sent } from '../client/client.js';
import { insisting, settle } from './insist.js';

describe('what is insisted on', () => {
  const draft: Draft = {
    id: clientId(1),
    actor: 'system',
    stream: `conversation-${clientId(2)}`,
    type: 'PurgeConversation',
    data: {},
  };
  const gone = new AbortController().signal;
  const clientOf = (...answers: readonly (Sent | Error)[]): CommandClient => {
    const left = [...answers];
    return {
      send: async () => {
        const next = left.shift();
        if (next === undefined) throw new Error('sent too often');
        if (next instanceof Error) throw next;
        return next;
      },
    };
  };
  const refused = (code: 'INVALID' | 'STALE' | 'COMMAND_ID_REUSED' | 'UNAVAILABLE' | 'EXPIRED'): Sent => ({
    status: 'rejected',
    code,
    message: 'No.',
  });
  const accepted: Sent = {
    status: 'accepted',
    stream: draft.stream,
    version: 3,
    events: 1,
    position: { partition: 0, offset: 1 },
  };
  const insist = (client: CommandClient, failures: unknown[] = []) =>
    insisting(
      client,
      async () => turn(),
      (error) => failures.push(error),
    );

  it('is sent until it is decided, whatever the way there does', async () => {
    const failures: unknown[] = [];
    const client = clientOf(
      new Error('the disk'),
      refused('UNAVAILABLE'),
      refused('EXPIRED'),
      { status: 'pending', command: draft.id },
      accepted,
    );
    expect(await insist(client, failures)(draft, gone)).toEqual(accepted);
    expect(failures).toEqual([new Error('the disk')]);
  });

  it('is let go of when nobody needs it any more', async () => {
    const client = clientOf(refused('UNAVAILABLE'));
    expect(await insist(client)(draft, AbortSignal.abort())).toEqual(refused('UNAVAILABLE'));
  });

  it('throws what refuses it for good, unless another was first', async () => {
    expect(await settle(insist(clientOf(refused('STALE'))), draft, gone)).toEqual(refused('STALE'));
    expect(await settle(insist(clientOf(refused('COMMAND_ID_REUSED'))), draft, gone)).toMatchObject({});
    await expect(settle(insist(clientOf(refused('INVALID'))), draft, gone)).rejects.toThrow(
      `PurgeConversation of ${draft.stream} was refused (INVALID): No.`,
    );
    expect(await settle(insist(clientOf(refused('INVALID'))), draft, AbortSignal.abort())).toEqual(refused('INVALID'));
  });
});
