import type { KeyMap } from '../../commands/keys/keys.js';
import type { Log } from '../../commands/log/log.js';
import type { Uuid } from '../../domain/ids.js';
import { CliError } from '../run/errors.js';
import { ConfigError } from '../run/settings.js';
import { copyLog, writtenIn } from './copy-log.js';
import { type Counts, differenceBetween, digestOf } from './digest.js';
import type { NewHouse } from './fleet.js';
import type { House } from './house.js';
import { type KeyCounts, checkRoom, copyKeys, countKeys, unknownIn } from './keys.js';
import { type PeopleCounts, checkKeycloak, movePeople } from './people.js';

export type MoveOptions = {
  readonly from: Pick<House, 'path' | 'log' | 'people'> & { readonly keys: KeyMap };
  readonly to: Omit<NewHouse, 'close'>;
  readonly newId: () => Uuid;
  /** Told what goes on, in a line for people. */
  readonly say: (line: string) => void;
  /** Told now and then: records read of those that there are. */
  readonly onProgress?: (done: number, of: number) => void;
};

export type Moved = Counts &
  KeyCounts & {
    /** The ids of keys that something is sealed with, and that the folder does not hold either. */
    readonly unknown: readonly string[];
    /** Undefined where no accounts were moved. */
    readonly people: PeopleCounts | undefined;
  };

/**
 * Moves a whole installation: the log, then the keys, then the accounts, and looks at all of it afterwards. Nothing is
 * written where a part would be refused. May be done again after a failure: a log that is there whole is left as it is, and so
 * is every key and account. Throws CliError TARGET_NOT_EMPTY, COPY_BROKEN, COPY_FAILED; KeysError, DirectoryError; and what
 * the logs throw.
 */
export async function move({ from, to, newId, say, onProgress }: MoveOptions): Promise<Moved> {
  say(`Checking ${from.path} with the log ${from.log.id}, and the fleet with the log ${to.log.id} …`);
  checkRoom(from.keys, await to.keys.all());
  if (from.people && to.accounts) await checkKeycloak(to.accounts);

  const counts = await moveLog({ from: from.log, to: to.log, newId, say, onProgress });
  say(
    `  ${number(counts.events)} events in ${number(counts.streams)} streams, and ${number(counts.outcomes)} outcomes.`,
  );

  say('Copying the keys …');
  const there = await copyKeys(from.keys, to.keys);
  const keys = countKeys(there);
  say(`  ${number(keys.keys)} keys; ${number(keys.destroyed)} are destroyed, and stay so.`);

  const people = await peopleOf({ from, to, say, keys: there });
  say('Looking for the key of everything that is sealed …');
  return { ...counts, ...keys, unknown: await unknownIn(to.log, there), people };
}

/** Moves the accounts alone, into a fleet that may run already. Throws CliError, DirectoryError. */
export async function moveAccountsAlone({
  from,
  to,
  say,
}: Pick<MoveOptions, 'to' | 'say'> & {
  readonly from: Pick<House, 'people'>;
}): Promise<void> {
  if (!to.accounts) {
    throw new ConfigError('Accounts move where OIDC_ADMIN_URL and OIDC_ADMIN_SECRET say how. Set both.');
  }
  if (from.people) await checkKeycloak(to.accounts);
  await peopleOf({ from, to, say, keys: await to.keys.all() });
}

/** Copies the log, or finds that it was copied before. */
async function moveLog({
  from,
  to,
  newId,
  say,
  onProgress,
}: Pick<MoveOptions, 'newId' | 'say'> & {
  readonly from: Log;
  readonly to: Log;
  readonly onProgress: MoveOptions['onProgress'];
}): Promise<Counts> {
  if ((await writtenIn(to)) === undefined) {
    say(`Copying the log into ${to.partitions} partitions, and reading both again …`);
    return copyLog({ from, to, newId, ...(onProgress ? { onProgress } : {}) });
  }
  say('The log of the fleet holds something already. Looking whether it is this one …');
  const ours = await digestOf(from);
  const difference = differenceBetween(ours, await digestOf(to));
  if (difference === undefined) return ours.counts();
  throw new CliError(
    'TARGET_NOT_EMPTY',
    `The log of the fleet is not new, and not a whole copy of this one (${difference}). Name a new one by another ` +
      'KAFKA_PREFIX, or remove its topics if nobody needs them. In a fleet that has run since it was moved into, only ' +
      '--accounts-only does something.',
  );
}

async function peopleOf({
  from,
  to,
  say,
  keys,
}: Pick<MoveOptions, 'to' | 'say'> & { readonly from: Pick<House, 'people'>; readonly keys: KeyMap }) {
  if (!from.people) {
    say('There are no accounts in the folder: people sign in elsewhere.');
    return undefined;
  }
  if (!to.accounts) {
    say(
      `The ${number(from.people.length)} accounts stay here: OIDC_ADMIN_URL is not set. --accounts-only moves them later.`,
    );
    return undefined;
  }
  say('Copying the accounts …');
  const moved = await movePeople(from.people, keys, to.accounts);
  const erased = moved.erased > 0 ? `; ${number(moved.erased)} of erased people are left behind` : '';
  say(`  ${number(moved.made)} accounts are new at Keycloak, ${number(moved.there)} were there${erased}.`);
  return moved;
}

const number = (value: number): string => value.toLocaleString('en');
