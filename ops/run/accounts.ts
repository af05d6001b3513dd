import type { DestroyKey } from '../../commands/reactors/erasure.js';
import { personKey } from '../../domain/content.js';
import { type Uuid, derivedId } from '../../domain/ids.js';
import type { Directory } from '../../gateway/identity/identity.js';
import type { CoreQueries } from '../../projections/readmodel/core/rows.js';

// Accounts follow the log: whoever is erased there has none.

export type ErasingOptions = {
  readonly directory: Pick<Directory, 'subjects' | 'erase'>;
  /** Where people's ids come from, together with the subjects. */
  readonly namespace: Uuid;
};

/** How many people are asked for at a time. */
const PAGE = 500;

/**
 * Destroys a key, and with that of a person their account. Whoever promised the erasure does it again until neither
 * throws, and only then says that it is complete.
 */
export const withAccount =
  (destroyKey: DestroyKey, { directory, namespace }: ErasingOptions): DestroyKey =>
  async (key) => {
    await destroyKey(key);
    if (!key.startsWith(personKey(''))) return;
    for await (const subjects of directory.subjects()) {
      await directory.erase(subjects.filter((subject) => personKey(derivedId(namespace, subject)) === key));
    }
  };

/** Erases the accounts of all whom the view shows as erased: an older file may have been put back. */
export async function eraseAgain(
  core: Pick<CoreQueries, 'users'>,
  { directory, namespace }: ErasingOptions,
): Promise<void> {
  for await (const subjects of directory.subjects()) {
    const people = subjects.map((subject) => ({ subject, user: derivedId(namespace, subject) }));
    const erased = new Set<Uuid>();
    for (let from = 0; from < people.length; from += PAGE) {
      const rows = await core.users(people.slice(from, from + PAGE).map(({ user }) => user));
      for (const { id, status } of rows) if (status === 'erased') erased.add(id);
    }
    await directory.erase(people.flatMap(({ subject, user }) => (erased.has(user) ? [subject] : [])));
  }
}
