import { type CommandClient, type Draft, type Sent, isUndecided } from '../client/client.js';
import type { Wait } from '../wait.js';

// How reactors send commands: until it is known what came of them.

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

export type Insist = (draft: Draft, gone: AbortSignal) => Promise<Sent>;

/** Sends until there is an answer, or with the signal: the same id again changes nothing. */
export function insisting(client: CommandClient, wait: Wait, onFailure: (error: unknown) => void): Insist {
  return async (draft, gone) => {
    for (let backOff = FIRST_BACKOFF_MS; ; backOff = Math.min(backOff * 2, LONGEST_BACKOFF_MS)) {
      const sent = await client.send(draft).catch((error: unknown): Sent => {
        onFailure(error);
        return { status: 'pending', command: draft.id };
      });
      if (!isUndecided(sent) || gone.aborted) return sent;
      await wait(backOff, gone);
    }
  };
}

/** Whether somebody else has it. */
export const isOvertaken = (sent: Sent): boolean =>
  sent.status === 'rejected' && (sent.code === 'STALE' || sent.code === 'COMMAND_ID_REUSED');

/** Sends what nobody has a reason to refuse. Throws if it is refused all the same, but not if another was first. */
export async function settle(insist: Insist, draft: Draft, gone: AbortSignal): Promise<Sent> {
  const sent = await insist(draft, gone);
  if (sent.status === 'rejected' && !isOvertaken(sent) && !gone.aborted) {
    throw new Error(`${draft.type} of ${draft.stream} was refused (${sent.code}): ${sent.message}`);
  }
  return sent;
}
