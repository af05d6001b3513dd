import { UsageError } from '../../run/errors.js';
import { type Command, say } from '../command.js';

/** How often the copy of a log tells how far it is, in ms. */
const TELL_MS = 1_000;

export const copyLogCommand: Command = {
  name: 'copy-log',
  operands: [],
  options: {
    from: { value: 'folder', meaning: 'the data folder to move out of; no server may have it' },
    to: { value: 'fleet', meaning: 'where to: into the fleet that the environment names' },
    'accounts-only': { meaning: 'move only the accounts, also into a fleet that runs already' },
  },
  summary: 'Moves a data folder into a fleet: the log, the keys and the accounts.',
  more: [
    'The environment says where the fleet is, as to its processes: KAFKA_BROKERS, PARTITIONS, DATABASE_URL, OIDC_ISSUER and',
    'so on; `npx verbatim start --help` explains them. The fleet must not run yet, and hold nothing. The log gets a new id; all',
    'else keeps its own. VERBATIM_MASTER_KEYS holds the keys of both: first the one of the fleet, then those of the folder.',
    'Accounts move into Keycloak where OIDC_ADMIN_URL and OIDC_ADMIN_SECRET are set, and the client has manage-realm there.',
    'All of it is read again and compared. After a failure, run it again; the folder stays as it is.',
  ],
  examples: [
    ['copy-log --from data --to fleet', 'all of ./data'],
    ['copy-log --from data --to fleet --accounts-only', 'the accounts, if they could not move with the rest'],
  ],
  run: async ({ values, switches }) => {
    const { from, to } = values;
    if (from === undefined) throw new UsageError('Say what to move: --from <data folder>.');
    if (to !== 'fleet') throw new UsageError('Say where to: --to fleet, which is the one that the environment names.');
    // Loaded only now: the other commands need nothing of it.
    const { moveInto } = await import('../../moving/command.js');
    const lines = await moveInto({
      from,
      env: process.env,
      accountsOnly: switches.has('accounts-only'),
      say,
      onProgress: everyNowAndThen((done, of) =>
        say(`  ${done.toLocaleString('en')} of ${of.toLocaleString('en')} records`),
      ),
    });
    for (const line of lines) say(line);
  },
};

function everyNowAndThen(tell: (done: number, of: number) => void): (done: number, of: number) => void {
  let told = Date.now();
  return (done, of) => {
    if (Date.now() - told < TELL_MS) return;
    told = Date.now();
    tell(done, of);
  };
}
