import { conversationKey, personKey } from '../../domain/content.js';
import { SYSTEM } from '../../domain/decider.js';
import { membershipStream, nameFor, streamOf } from '../../domain/ids.js';
import type { Keeper } from './executor.js';
import { type Insist, settle } from './insist.js';
import type { ErasureObligation, ReadRelations, Relation } from './reactor.js';

/** Destroys a key for ever, then has every cache at hand forget it. */
export type DestroyKey = (key: string) => Promise<void>;

export type ErasureOptions = {
  readonly insist: Insist;
  readonly destroyKey: DestroyKey;
  readonly relations: ReadRelations;
  /** Ms since 1970. */
  readonly now: () => number;
};

/** How many are erased at once. */
const AT_ONCE = 4;

/** How long backups of keys are kept: so long is what was erased still to be found in one. */
const BACKUPS_MS = 30 * 24 * 3600_000;

/**
 * Forgets a person: destroys their key, and with it what they wrote wherever it stands; then takes them out of every
 * conversation that they started or joined, and says when it is done. Each step may be done again: what is done already
 * stays so, and a process that begins in the middle goes through all of them.
 */
export function erasure({ insist, destroyKey, relations, now }: ErasureOptions): Keeper<ErasureObligation> {
  /** Takes them out of one conversation. Resolves with the version of its stream from which on they are. */
  const expel = async (owed: ErasureObligation, { conversation, temporary }: Relation, gone: AbortSignal) => {
    const { id, user, late } = owed;
    if (temporary) await destroyKey(conversationKey(conversation));
    const stream = streamOf('conversation', conversation);
    const name = nameFor(stream, id, `member:${conversation}:${late?.source ?? 0}`);
    const sent = await settle(insist, { actor: SYSTEM, stream, id: name, type: 'EraseMember', data: { user } }, gone);
    return sent.status === 'accepted' ? sent.version : undefined;
  };

  /** What came to light too late for the erasure itself, as when they were let in somewhere while it went on. */
  const expelLate = async (owed: ErasureObligation, relation: Relation, gone: AbortSignal): Promise<void> => {
    const { conversation } = relation;
    const source = await expel(owed, relation, gone);
    if (source === undefined) return;
    const stream = membershipStream(conversation, owed.user);
    const data = { conversation, user: owed.user, source };
    const name = nameFor(stream, owed.id, `leave:${source}`);
    await settle(insist, { actor: SYSTEM, stream, id: name, type: 'LeaveConversation', data }, gone);
  };

  return {
    atOnce: AT_ONCE,
    keep: async (owed, { gone }) => {
      const { id, user, late, position } = owed;
      if (gone.aborted) return;
      await destroyKey(personKey(user));
      const known = await relations(user, position);
      if (late) {
        const relation = known.find(({ conversation }) => conversation === late.conversation);
        if (relation && !gone.aborted) await expelLate(owed, relation, gone);
        return;
      }
      for (const relation of known) {
        if (gone.aborted) return;
        await expel(owed, relation, gone);
      }
      if (gone.aborted) return;
      const stream = streamOf('user', user);
      const backupsUntil = new Date(now() + BACKUPS_MS).toISOString();
      const data = { conversations: known.length, backupsUntil };
      const name = nameFor(stream, id, 'complete');
      await settle(insist, { actor: SYSTEM, stream, id: name, type: 'CompleteErasure', data }, gone);
    },
  };
}
