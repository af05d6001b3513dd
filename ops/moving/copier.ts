import type { Cursor, Entry, Log } from '../../commands/log/log.js';
import { type Writing, recordsOf } from '../../commands/worker/batch.js';
import { NOBODY, behind, isOwner, takeoverHeader, verdict } from '../../commands/worker/protocol.js';
import type { Uuid } from '../../domain/ids.js';
import { CliError } from '../run/errors.js';

export type Copier = {
  /** Appends one batch, once, whatever the result of an append was. Throws CliError COPY_FAILED. */
  write(writing: Writing): Promise<void>;
};

/** How often a batch is tried, each time in a term of its own. */
const TRIES = 6;

/** Writes into one partition of a new log as an owner does: an append of unknown result is settled by a new term. */
export function createCopier({
  log,
  partition,
  newId,
}: {
  readonly log: Log;
  readonly partition: number;
  readonly newId: () => Uuid;
}): Copier {
  let cursor: Cursor | undefined;
  let me = NOBODY;
  let at = '';

  /** Reads on to the end. Returns the records of this copier's own that were not known to be there. */
  const catchUp = async (): Promise<number> => {
    let found = 0;
    for await (const { records, next } of log.read(partition, cursor)) {
      found += records.filter(({ entry }) => entry.kind === 'event' || entry.kind === 'outcomes').length;
      cursor = next;
    }
    return found;
  };

  /** Opens a term. Returns whether a batch that was adrift is in. */
  const takeOver = async (): Promise<boolean> => {
    let landed = await catchUp();
    for (let tried = 1; tried <= TRIES && cursor; tried++) {
      const owner = newId();
      const takeover: Entry = { kind: 'takeover', header: takeoverHeader(cursor.fence, owner), at };
      await log.append(partition, [takeover]).catch(() => undefined);
      landed += await catchUp();
      if (!isOwner(cursor.fence, owner)) continue;
      me = owner;
      return landed > 0;
    }
    throw new CliError(
      'COPY_FAILED',
      `Partition ${partition} of the new log cannot be written. Begin again with a new one.`,
    );
  };

  return {
    write: async (writing) => {
      const { events, outcomes } = writing;
      at = events.at(-1)?.at ?? outcomes.at(-1)?.at ?? at;
      for (let tried = 1; tried <= TRIES; tried++) {
        if (me === NOBODY && (await takeOver()) && tried > 1) return;
        if (!cursor) break;
        const records = recordsOf(writing, cursor.fence, me, undefined);
        const base = await log.append(partition, records).catch(() => undefined);
        if (verdict(cursor, base) === 'landed') {
          cursor = behind(cursor, records.length);
          return;
        }
        me = NOBODY;
      }
      throw new CliError(
        'COPY_FAILED',
        `Partition ${partition} of the new log cannot be written. Begin again with a new one.`,
      );
    },
  };
}
