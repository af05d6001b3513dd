import { closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UNFINISHED } from '../run/folder.js';
import { type Copied, checkEmpty, copyData, inTarget, sync } from './copy.js';

/** What a backup that was made says of itself. */
export type Backup = Copied & { readonly path: string };

/**
 * Copies a data folder into a folder that is new or empty. Until all is there and on the disk, the copy bears another
 * name, and a mark by which the next one knows that it may remove it. Throws CliError TARGET_NOT_EMPTY, TARGET_UNUSABLE
 * (the file system refuses), and what `copyData` throws.
 */
export async function backUp(from: string, target: string): Promise<Backup> {
  const path = resolve(target);
  const making = `${path}.unfinished`;
  const mark = join(making, UNFINISHED);
  inTarget(path, () => {
    if (existsSync(path)) checkEmpty(path, readdirSync(path));
    if (existsSync(mark)) rmSync(making, { recursive: true });
    if (existsSync(making)) checkEmpty(making, readdirSync(making));
    mkdirSync(making, { recursive: true, mode: 0o700 });
    closeSync(openSync(mark, 'w', 0o600));
  });
  try {
    const copied = await copyData(from, making);
    inTarget(path, () => {
      rmSync(mark);
      sync(making);
      if (existsSync(path)) rmdirSync(path);
      renameSync(making, path);
      sync(dirname(path));
    });
    return { path, ...copied };
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error;
  }
}
