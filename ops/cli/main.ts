import manifest from '../../package.json' with { type: 'json' };
import { UsageError, lastWordsOf } from '../run/errors.js';
import { type Command, helpOf, overviewOf, say } from './command.js';
import { backupCommand } from './commands/backup.js';
import { copyLogCommand } from './commands/copy-log.js';
import { deadLettersCommand } from './commands/dead-letters.js';
import { lagCommand } from './commands/lag.js';
import { rebuildCommand } from './commands/rebuild.js';
import { replayCommand } from './commands/replay.js';
import { restoreCommand } from './commands/restore.js';
import { schemaCommand } from './commands/schema.js';
import { startCommand } from './commands/start.js';
import { readWords } from './words.js';

export const commands: readonly Command[] = [
  startCommand,
  replayCommand,
  lagCommand,
  deadLettersCommand,
  rebuildCommand,
  schemaCommand,
  backupCommand,
  restoreCommand,
  copyLogCommand,
];

/** What is wrong with the words themselves. */
const misused: ReadonlySet<unknown> = new Set(['USAGE', 'CONFIG_INVALID', 'BAD_POSITION']);

const asksHelp = (word: string): boolean => word === '--help' || word === '-h';

/** Runs `verbatim` with its words. The process ends with 0 (done), 1 (failed) or 2 (not understood). */
export async function main(argv: readonly string[]): Promise<void> {
  // What this process makes is nobody else's to read.
  process.umask(0o077);
  try {
    await run(argv);
  } catch (error) {
    process.stderr.write(`${lastWordsOf(error)}\n`);
    process.exit(error instanceof Error && 'code' in error && misused.has(error.code) ? 2 : 1);
  }
}

async function run([name, ...argv]: readonly string[]): Promise<void> {
  if (name === undefined) throw new UsageError(`Say what to do.\n\n${overviewOf(commands)}`);
  if (asksHelp(name)) return say(overviewOf(commands));
  if (name === '--version') return say(manifest.version);
  const command = commands.find((each) => each.name === name);
  if (!command) {
    const there = commands.map((each) => each.name).join(', ');
    throw new UsageError(`"${name}" is not a command. There are ${there}; \`npx verbatim --help\` explains them.`);
  }
  if (argv.some(asksHelp)) return say(helpOf(command));
  await command.run(readWords(command, argv));
}
