import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Copied, copyData, sync } from './copy.js';
import { CliError } from './errors.js';

/** What a backup that was made says of itself. */
export type Backup = Copied & { readonly path: string };

/**
 * Copies a data folder into a folder that is new or empty. Until all is there and on the disk, the copy bears another
 * name; one that was cut short is removed by the next. Throws CliError TARGET_NOT_EMPTY, and what `copyData` throws.
 */
export async function backUp(from: string, target: string): Promise<Backup> {
  const path = resolve(target);
  checkEmpty(path);
  const making = `${path}.unfinished`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true, mode: 0o700 });
  try {
    const copied = await copyData(from, making);
    if (existsSync(path)) rmdirSync(path);
    renameSync(making, path);
    sync(dirname(path));
    return { path, ...copied };
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error;
  }
}

function checkEmpty(path: string): void {
  if (!existsSync(path) || readdirSync(path).length === 0) return;
  throw new CliError('TARGET_NOT_EMPTY', `${path} is not empty, and nothing is ever overwritten. Name a new folder.`);
}
