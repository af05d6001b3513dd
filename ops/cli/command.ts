import { givenFor, settings } from '../run/settings.js';
import { type Option, type Takes, type Words, optionsText } from './words.js';

/** One thing that `verbatim` can do. */
export type Command = Takes & {
  /** What it does, in a line, and then what there is to know. */
  readonly summary: string;
  readonly more: readonly string[];
  readonly examples: readonly (readonly [words: string, meaning: string])[];
  /** Does it with the words behind its name. Throws what goes wrong. */
  run(words: Words): Promise<void>;
};

export const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

export const dataOption: Option = {
  value: settings.VERBATIM_DATA.value,
  meaning: 'the data folder',
  env: 'VERBATIM_DATA',
  fallback: settings.VERBATIM_DATA.fallback,
};

/** The data folder that is meant. */
export const dataOf = ({ values }: Words): string =>
  givenFor('VERBATIM_DATA', process.env, values) ?? settings.VERBATIM_DATA.fallback;

export function helpOf({ name, operands, options, summary, more, examples }: Command): string {
  const usage = ['npx verbatim', name, ...operands, '[options]'].join(' ');
  return [
    `Usage: ${usage}`,
    '',
    summary,
    ...more,
    '',
    ...optionsText(options),
    '',
    'Examples:',
    ...examples.flatMap(([words, meaning]) => [`  npx verbatim ${words}`, `      ${meaning}`]),
  ].join('\n');
}

export function overviewOf(commands: readonly Command[]): string {
  const rows = commands.map(({ name, operands, summary }) => ({ left: `  ${[name, ...operands].join(' ')}`, summary }));
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return [
    'Usage: npx verbatim <command> [options]',
    '',
    ...rows.map(({ left, summary }) => `${left.padEnd(width)}${summary}`),
    '',
    '`npx verbatim <command> --help` explains one and shows examples.',
  ].join('\n');
}
