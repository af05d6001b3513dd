import { randomUuid } from '../../domain/ids.js';
import { pooledRandom } from '../run/random.js';
import type { Values } from '../run/settings.js';
import { openFleetHouse, readMoving } from './fleet.js';
import { openHouse } from './house.js';
import { type MoveOptions, type Moved, move, moveAccountsAlone } from './move.js';

export type MoveIntoOptions = Pick<MoveOptions, 'say' | 'onProgress'> & {
  /** The data folder. */
  readonly from: string;
  /** Where the fleet is. */
  readonly env: Values;
  readonly accountsOnly: boolean;
};

const random = pooledRandom();
const newId = (): string => randomUuid(random(16));

/** Moves a data folder into the fleet of an environment. Resolves with what is left to do, in lines for people. */
export async function moveInto({
  from: folder,
  env,
  accountsOnly,
  say,
  ...told
}: MoveIntoOptions): Promise<readonly string[]> {
  const config = readMoving(env);
  // Before anything is made in the fleet, where the folder is in use.
  const from = await openHouse(folder, config.masterKeys);
  try {
    const keys = accountsOnly ? undefined : from.keys();
    const to = await openFleetHouse(config, newId);
    try {
      if (!keys) {
        await moveAccountsAlone({ from, to, say });
        return [GIVE_BACK];
      }
      return nextSteps(from.path, await move({ from: { ...from, keys }, to, newId, say, ...told }));
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

const GIVE_BACK = "Take manage-realm away from the client's service account again.";

function nextSteps(path: string, { unknown, people }: Moved): readonly string[] {
  const note =
    unknown.length === 0
      ? []
      : [`Of ${unknown.length} people or conversations no text can be read: ${path} does not hold their keys either.`];
  const steps = [
    ...(people ? [GIVE_BACK] : []),
    'Start the fleet with the same settings. Of VERBATIM_MASTER_KEYS it needs the first alone. It first fills its views.',
    'Point DNS, or the proxy, at its gateways. People sign in anew at Keycloak, with the passwords that they have.',
    'Programs that follow the log hold positions of the old one: they are told CURSOR_EXPIRED, and begin anew.',
    `Do not start ${path} again: what is said in it would never reach the fleet.`,
    `Keep ${path} as a backup for 30 days, then delete it: until then, what somebody has erased can be read with it.`,
  ];
  return [
    '',
    'Moved, and all of it is the same.',
    ...note,
    'What is left to do:',
    ...steps.map((step, n) => `  ${n + 1}. ${step}`),
  ];
}
