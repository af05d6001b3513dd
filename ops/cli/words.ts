import { parseArgs } from 'node:util';
import { UsageError } from '../run/errors.js';

/** An option; without `value` it is a switch. */
export type Option = {
  readonly value?: string;
  readonly meaning: string;
  /** The environment variable that stands for it, and what holds without either. */
  readonly env?: string;
  readonly fallback?: string;
  /** Whether there is only the variable, under whose name it stands here. */
  readonly bare?: boolean;
};
export type Options = Readonly<Record<string, Option>>;

/** What stands behind a command, read by its table. */
export type Words = {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly switches: ReadonlySet<string>;
  readonly operands: readonly string[];
};

/** What a command takes. `operands` are named as in its usage; a name in brackets may be left out. */
export type Takes = { readonly name: string; readonly operands: readonly string[]; readonly options: Options };

/** Reads `--flag value`, `--flag=value`, switches and operands. Throws UsageError, which says what there is. */
export function readWords({ name, operands, options }: Takes, argv: readonly string[]): Words {
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(options).map(([flag, { value }]) => [
        flag,
        { type: value === undefined ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
  });
  const values: Record<string, string> = {};
  const switches = new Set<string>();
  const given: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') given.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (!option || option.bare) {
      const flags = Object.keys(options).filter((flag) => !options[flag]?.bare);
      const there = [...flags, 'help'].map((flag) => `--${flag}`).join(', ');
      throw new UsageError(`${token.rawName} is not an option of \`verbatim ${name}\`. There are ${there}.`);
    }
    if (option.value === undefined) {
      if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`);
      switches.add(token.name);
    } else {
      const missing = !token.value || (!token.inlineValue && token.value.startsWith('--'));
      if (missing || token.value === undefined)
        throw new UsageError(`${token.rawName} is given without a value. It takes ${option.value}.`);
      values[token.name] = token.value;
    }
  }
  const least = operands.filter((each) => !each.startsWith('[')).length;
  if (given.length < least || given.length > operands.length) {
    const takes = operands.length === 0 ? 'nothing besides options' : operands.join(' ');
    const got = given.length === 0 ? 'nothing' : `"${given.join(' ')}"`;
    throw new UsageError(`\`verbatim ${name}\` takes ${takes}, and got ${got}.`);
  }
  return { values, switches, operands: given };
}

/** A table of options for people, in two columns. */
export function optionsText(options: Options): readonly string[] {
  const rows = Object.entries({ ...options, help: { meaning: 'this text' } }).map(
    ([flag, { value, meaning, env, fallback, bare = false }]: [string, Option]) => {
      const variable = bare ? `env ${env} only` : `env ${env}`;
      const notes = [...(env ? [variable] : []), ...(fallback ? [`default: ${fallback}`] : [])];
      return {
        left: bare ? `  ${flag}=<${value}>` : value === undefined ? `  --${flag}` : `  --${flag} <${value}>`,
        right: notes.length === 0 ? [meaning] : [meaning, notes.join(', ')],
      };
    },
  );
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return rows.flatMap(({ left, right }) =>
    right.map((line, at) => `${at === 0 ? left.padEnd(width) : ' '.repeat(width)}${line}`),
  );
}
