import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { takeLock } from '../../commands/log/lock.js';

export class UiError extends Error {
  override name = 'UiError';
  readonly code = 'UI_BUILD_FAILED';
}

/** Where the page comes from, where it goes, and where a build may leave its half-done work. */
export type UiPlace = {
  readonly root: string;
  readonly lockfile: string;
  readonly dist: string;
  readonly scratch: string;
};

const top = fileURLToPath(new URL('../../', import.meta.url));

const ourPlace: UiPlace = {
  root: join(top, 'ui'),
  lockfile: join(top, 'package-lock.json'),
  dist: join(top, 'ui/dist'),
  scratch: join(top, 'node_modules/.verbatim-ui'),
};

const STAMP = '.sources';
const RETRY_MS = 100;

/**
 * The folder with the built page, built first if there is none for these sources. Processes that start together build
 * it once. Throws UiError with what Vite said.
 */
export async function ensureUi(place: UiPlace = ourPlace, build = viteBuild): Promise<string> {
  const sources = hashOfSources(place);
  if (isBuilt(place, sources)) return place.dist;
  mkdirSync(place.scratch, { recursive: true });
  const unlock = await lock(join(place.scratch, 'lock'));
  try {
    if (isBuilt(place, sources)) return place.dist;
    const making = join(place.scratch, `dist-${process.pid}`);
    for (const left of readdirSync(place.scratch).filter((name) => name.startsWith('dist-'))) {
      rmSync(join(place.scratch, left), { recursive: true, force: true });
    }
    await build(place.root, making);
    writeFileSync(join(making, STAMP), sources);
    rmSync(place.dist, { recursive: true, force: true });
    renameSync(making, place.dist);
    return place.dist;
  } finally {
    unlock();
  }
}

/** Whether `ensureUi` would have nothing to do. */
export const uiIsBuilt = (place: UiPlace = ourPlace): boolean => isBuilt(place, hashOfSources(place));

const isBuilt = ({ dist }: UiPlace, sources: string): boolean =>
  existsSync(join(dist, STAMP)) && readFileSync(join(dist, STAMP), 'utf8') === sources;

async function lock(file: string): Promise<() => void> {
  for (;;) {
    const unlock = takeLock(file);
    if (unlock) return unlock;
    await sleep(RETRY_MS);
  }
}

/** A hash over every file that can change the page. */
function hashOfSources({ root, lockfile, dist }: UiPlace): string {
  const hash = createHash('sha256').update(readFileSync(lockfile));
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(dist + sep) && !/[/\\]e2e[/\\]|\.test\.tsx?$/.test(file))
    .toSorted();
  for (const file of files) hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

/** Builds in a process of its own: the compiler would hold up everything else in this one for seconds. */
function viteBuild(root: string, outDir: string): Promise<void> {
  const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js');
  const options = [
    '--config',
    join(root, 'vite.config.ts'),
    '--outDir',
    outDir,
    '--emptyOutDir',
    '--logLevel',
    'error',
  ];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [vite, 'build', root, ...options], { cwd: top }, (error, stdout, stderr) => {
      const told = stripVTControlCharacters(stderr || stdout || (error?.message ?? ''));
      if (error) reject(new UiError(`The page could not be built:\n${told}`));
      else resolve();
    });
  });
}
