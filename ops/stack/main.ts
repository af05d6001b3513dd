import { parseArgs } from 'node:util';
import { lastWordsOf } from '../run/errors.js';
import { type StackOptions, startStack, statusLines, stopStack } from './stack.js';
import { exportLines, folderOf, running } from './state.js';

// `npm run stack`: the real systems that a fleet stands on, on this machine, without containers.

const usage = `npm run stack -- start [--kafka 1|3] [--redis single|cluster|both] [--keycloak on|off] [--folder F]
                       [--public-url URL]
npm run stack -- env [--tests] [--json] [--folder F]
npm run stack -- status [--folder F]
npm run stack -- stop [--folder F]

  For development and tests, on a machine of one's own: Kafka and Redis ask nobody there for a password.

  start         installs what is missing, starts all on free ports of 127.0.0.1, and says what to set
  env           the variables to set, as lines for a shell: eval "$(npm run --silent stack -- env)"
  status        which servers run, and where their logs are
  stop          stops all of it

  --kafka       how many brokers (1)
  --redis       one Redis, a cluster of three nodes, or both (single)
  --keycloak    with or without (on)
  --folder F    where all is kept; it stays when the stack is stopped. Without: one in your cache, which goes
  --public-url  where a fleet on this stack is to be found, which Keycloak has to know (http://localhost:8080)
  --tests       only what the tests look for
  --json        as JSON`;

const { values, positionals } = words();
const [command, ...rest] = positionals;

function words() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        kafka: { type: 'string', default: '1' },
        redis: { type: 'string', default: 'single' },
        keycloak: { type: 'string', default: 'on' },
        folder: { type: 'string' },
        'public-url': { type: 'string', default: 'http://localhost:8080' },
        tests: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error));
  }
}

function misused(why: string): never {
  console.error(`${why}\n\n${usage}`);
  process.exit(2);
}

function oneOf<V extends string>(flag: string, value: string, allowed: readonly V[]): V {
  return (
    allowed.find((each) => each === value) ?? misused(`--${flag} is "${value}". It takes ${allowed.join(' or ')}.`)
  );
}

const options = (): StackOptions => ({
  folder: folderOf(values.folder),
  temporary: values.folder === undefined,
  kafka: oneOf('kafka', values.kafka, ['1', '3']) === '1' ? 1 : 3,
  redis: oneOf('redis', values.redis, ['single', 'cluster', 'both']),
  keycloak: oneOf('keycloak', values.keycloak, ['on', 'off']) === 'on',
  publicUrl: URL.canParse(values['public-url'])
    ? new URL(values['public-url']).origin
    : misused(`--public-url is "${values['public-url']}". It takes an address, as http://localhost:8080.`),
});

async function run(): Promise<void> {
  const folder = folderOf(values.folder);
  switch (command) {
    case 'start': {
      const state = await startStack(options(), (line) => console.error(line));
      console.error(`\nAll of it runs in ${state.folder}. To use it: eval "$(npm run --silent stack -- env)"\n`);
      return void process.stdout.write(exportLines({ ...state.systems, ...state.fleet }));
    }
    case 'env': {
      const { systems, fleet } = running(folder);
      const env = values.tests ? systems : { ...systems, ...fleet };
      return void process.stdout.write(values.json ? `${JSON.stringify(env, null, 2)}\n` : exportLines(env));
    }
    case 'status': {
      const state = running(folder);
      return console.log([`The stack in ${state.folder}:`, ...statusLines(state)].join('\n'));
    }
    case 'stop': {
      const state = await stopStack(folder);
      return console.error(`Stopped ${state.servers.length} servers of the stack in ${folder}.`);
    }
    case undefined:
      return misused('Say what to do.');
    default:
      return misused(`"${command}" is not something to do.`);
  }
}

if (values.help) {
  console.log(usage);
  process.exit(0);
}
if (rest.length > 0) misused(`"${rest.join(' ')}" is one word too many.`);
// What was started and is not yet handed over ends with this process.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130));
try {
  await run();
  process.exit(0);
} catch (error) {
  console.error(lastWordsOf(error));
  process.exit(1);
}
