import { describe, expect, it } from 'vitest';
import { readConfig } from '../run/config.js';
import { settings } from '../run/settings.js';
import { helpOf, overviewOf } from './command.js';
import { startCommand } from './commands/start.js';
import { commands } from './main.js';
import { verbatim } from './testing.js';
import { readWords } from './words.js';

const usage = (message: RegExp) => expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) });

describe('the help', () => {
  it('names every command with what it does', () => {
    for (const { name, summary } of commands) {
      const line = overviewOf(commands)
        .split('\n')
        .find((each) => each.startsWith(`  ${name} `));
      expect(line).toContain(summary);
    }
  });

  it.each(commands.map((command) => [command.name, command] as const))(
    'of %s explains every option and shows examples',
    (name, command) => {
      const help = helpOf(command);
      expect(help).toMatch(new RegExp(`^Usage: npx verbatim ${name}`));
      for (const flag of [...Object.keys(command.options), 'help'])
        expect(help).toMatch(new RegExp(`^  (--)?${flag}\\b`, 'm'));
      expect(command.examples.length).toBeGreaterThan(1);
      for (const [words] of command.examples) {
        // What is shown is what is understood, up to where the shell takes over.
        const [first, ...argv] =
          words
            .split(' | ')[0]
            ?.replaceAll(/<(\w+)>/g, '$1')
            .split(' ') ?? [];
        expect(first).toBe(name);
        readWords(command, argv);
      }
    },
  );

  it('of start explains every setting', () => {
    expect(Object.keys(startCommand.options)).toEqual(Object.entries(settings).map(([env, { flag }]) => flag ?? env));
    const help = helpOf(startCommand);
    for (const [key, { flag, fallback }] of Object.entries(settings)) {
      expect(help).toContain(`env ${key}${flag === undefined ? ' only' : ''}, default: ${fallback}`);
      expect(help).toContain(flag === undefined ? `${key}=` : `--${flag} `);
    }
  });
});

describe('words', () => {
  const takes = {
    name: 'try',
    operands: ['TO'],
    options: {
      from: { value: 'x', meaning: '' },
      loud: { meaning: '' },
      SECRET: { value: 'x', meaning: '', bare: true },
    },
  };

  it('are read in any order and both forms', () => {
    const read = { values: { from: 'a=b' }, switches: new Set(['loud']), operands: ['there'] };
    expect(readWords(takes, ['--from', 'a=b', 'there', '--loud'])).toEqual(read);
    expect(readWords(takes, ['--loud', 'there', '--from=a=b'])).toEqual(read);
    expect(readWords(takes, ['--', '--from']).operands).toEqual(['--from']);
  });

  it.each([
    [['there', '--form', 'x'], /--form is not an option of `verbatim try`. There are --from, --loud, --help/],
    [['there', '-x'], /-x is not an option/],
    [['there', '--from'], /--from is given without a value/],
    [['there', '--from', '--loud'], /--from is given without a value/],
    [['there', '--loud=yes'], /--loud takes no value/],
    [[], /takes TO, and got nothing/],
    [['here', 'there'], /takes TO, and got "here there"/],
    [['there', '--SECRET', 'x'], /--SECRET is not an option.*There are --from, --loud, --help/],
    [['there', '--constructor', 'x'], /--constructor is not an option/],
  ])('that mean nothing are refused: %j', (argv, message) => {
    expect(() => readWords(takes, argv)).toThrow(usage(message));
  });

  it('of start are its settings, but for those that only a variable gives', () => {
    const { values } = readWords(startCommand, ['--port', '9001', '--data=b=c']);
    expect(readConfig({ PORT: '9000' }, values)).toMatchObject({ port: 9001, data: 'b=c' });
    for (const flag of ['--prot', '--master-keys', '--VERBATIM_MASTER_KEYS', '--undefined']) {
      expect(() => readWords(startCommand, [flag, 'x'])).toThrow(usage(/is not an option of `verbatim start`.*--port/));
    }
  });
});

describe('the process', () => {
  it.each([
    [[], 2, /^USAGE: Say what to do.*npx verbatim <command>/s],
    [['fly'], 2, /^USAGE: "fly" is not a command. There are start, replay/],
    [['replay', '--partition', 'x'], 2, /^USAGE: --partition/],
    [['start', '--port', 'x'], 2, /^CONFIG_INVALID: PORT/],
    [['replay', '--from', 'x', '--data', '/nowhere'], 1, /^DATA_MISSING: /],
    [['restore', '/nowhere'], 1, /^DATA_MISSING: \/nowhere/],
  ])('%j ends with %i and a line', async (words, code, told) => {
    expect(await verbatim(words).ended).toMatchObject({ code, lines: [], told: expect.stringMatching(told) });
  });
});
