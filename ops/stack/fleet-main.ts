import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lastWordsOf } from '../run/errors.js';
import { type Counts, type Member, fleetEnv, startFleet } from './fleet.js';
import { roleNames } from '../run/fleet-config.js';
import { whenToldToStop } from '../run/signals.js';
import { follow } from './follow.js';
import { isAlive } from './processes.js';
import { folderOf, running } from './state.js';

// `npm run fleet`: our roles on the stack that runs, until Ctrl+C.

const usage = `npm run fleet -- [--gateway 1] [--commands 1] [--projections 1] [--assistant 1] [--folder F]

  Starts so many processes of each role (0 to 9) on the stack that \`npm run stack -- start\` started, prints what
  they say, and where the page is. Several gateways share its address. Ctrl+C stops all of them in order; a second
  Ctrl+C at once.

  --folder F   the folder of the stack, where it was started with one`;

function misused(why: string): never {
  console.error(`${why}\n\n${usage}`);
  process.exit(2);
}

function words() {
  try {
    const count = { type: 'string', default: '1' } as const;
    return parseArgs({
      options: {
        gateway: count,
        commands: count,
        projections: count,
        assistant: count,
        folder: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error));
  }
}

const values = words();
if (values.help) {
  console.log(usage);
  process.exit(0);
}

function countOf(role: (typeof roleNames)[number]): number {
  const value = values[role];
  return /^[0-9]$/.test(value) ? Number(value) : misused(`--${role} is "${value}". It takes a number from 0 to 9.`);
}

const counts: Counts = {
  gateway: countOf('gateway'),
  commands: countOf('commands'),
  projections: countOf('projections'),
  assistant: countOf('assistant'),
};
const logs = mkdtempSync(join(tmpdir(), 'verbatim-fleet-'));
process.on('exit', () => rmSync(logs, { recursive: true, force: true }));

let asked = false;
let stop = async (): Promise<void> => undefined;
const end = (): void => {
  asked = true;
  console.log('Stopping …');
  stop().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(lastWordsOf(error));
      process.exit(1);
    },
  );
};
// Whoever asks twice means now: what was started ends with this process.
whenToldToStop(end, () => process.exit(130));

const width = Math.max(...roleNames.map((role) => role.length)) + 2;
const names = roleNames.flatMap((role) => Array.from({ length: counts[role] }, (_, at) => `${role}-${at + 1}`));
for (const name of names) {
  follow(join(logs, `${name}.log`), (line) => console.log(`${name.padEnd(width)} | ${line}`));
}

/** Tells of each process that ends without having been asked, once. */
function watch(members: readonly Member[]): void {
  const gone = new Set<string>();
  setInterval(() => {
    for (const { name, server } of members) {
      if (asked || gone.has(name) || isAlive(server.identity())) continue;
      gone.add(name);
      console.log(`${name.padEnd(width)} | has ended; the others go on`);
    }
  }, 500);
}

try {
  const fleet = await startFleet({ env: fleetEnv(running(folderOf(values.folder))), counts, folder: logs });
  stop = fleet.stop;
  watch(fleet.members);
  const processes = fleet.members.map(({ name, server, opsUrl }) => {
    return `  ${name.padEnd(width)} pid ${server.identity().pid}, metrics at ${opsUrl}/metrics`;
  });
  console.log(`\n${processes.join('\n')}\n\n  The fleet is ready at ${fleet.url}; Ctrl+C stops it.`);
  console.log('  ana, bob and cleo may sign in; ops/deploy/keycloak/dev has their passwords.\n');
} catch (error) {
  console.error(lastWordsOf(error));
  process.exit(1);
}
