import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CliError, lastWordsOf } from './errors.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The files that a server or a command runs, apart from the tools that only we start. */
const files = execFileSync('git', ['ls-files', 'commands', 'projections', 'gateway', 'ops'], { cwd: root })
  .toString()
  .split('\n')
  .filter((path) => path.endsWith('.ts') && !/(\.test|[/-](testing|contract))\.ts$|^ops\/(chaos|bench)\//.test(path));

/** What a reader, not the one who runs the process, is answered. */
const answered = new Set(['FORM_TOO_LARGE', 'EXPIRED', 'UNAVAILABLE']);

/** Every code that a class of errors has by its declaration, or that one is thrown with. */
const codes = [
  ...new Set(
    files.flatMap((path) => {
      const text = readFileSync(`${root}${path}`, 'utf8');
      const classes = text.match(/^export class \w+ extends Error \{[^]*?^\}/gm) ?? [];
      const declared = classes.flatMap((each) => each.match(/code(?: = |:).*/g) ?? []);
      const thrown = text.match(/new (?!CliError)\w+Error\(\s*'[A-Z_]+'/g) ?? [];
      return [...declared, ...thrown].flatMap((each) =>
        [...each.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code ?? ''),
      );
    }),
  ),
].filter((code) => !answered.has(code));

const failed = (code: string, message: string): Error => Object.assign(new Error(message), { code });

describe('what a process that ends says', () => {
  it('is looked at for every error there is', () => {
    expect(codes.length).toBeGreaterThan(40);
    expect(codes).toEqual(expect.arrayContaining(['USAGE', 'CLOCK_BEHIND', 'KEY_LEFT', 'DB_UNUSABLE', 'LOG_FULL']));
  });

  it.each(codes)('is one line for %s, also where it lies behind another error', (code) => {
    const error = failed(code, 'What to do.');
    expect(lastWordsOf(error)).toBe(`${code}: What to do.`);
    expect(lastWordsOf(new Error('It failed.', { cause: error }))).toBe(`${code}: What to do.`);
  });

  it('is one line for whatever a server answered', () => {
    expect(lastWordsOf(new CliError('FAILED', 'The server fell over.'))).toBe('FAILED: The server fell over.');
  });

  it.each(['ENOENT', 'ERR_INVALID_ARG_TYPE', 'SQLITE_CORRUPT', 'XX000', '42P01'])('is the stack for %s', (code) => {
    expect(lastWordsOf(failed(code, 'Nobody knows.'))).toMatch(/Nobody knows\.\n +at /);
  });
});
