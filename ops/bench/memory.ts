import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Figure, scaled } from './figure.js';
import { withFolder } from './writeside.js';

const FEW = 10_000;
const MANY = 1_000_000;

/** What a worker's process takes once it has been made to collect its garbage, in bytes; and how long its work took, in s. */
export type Taken = { readonly resident: number; readonly heap: number; readonly seconds: number };

/**
 * What a worker takes after it has started 10,000 conversations, and another after 1,000,000: each in a process of its own,
 * with the log and the snapshots on the disk, and nothing else. The texts are short, for none of them is held. The
 * million takes a few minutes and 2 GB of disk; `--scale 0.1` makes it a hundred thousand.
 */
export const memory = (scale: number): Promise<readonly Figure[]> =>
  withFolder(async (folder) => {
    const few = await take(`${folder}/few`, Math.min(FEW, scaled(MANY, scale)));
    const many = await take(`${folder}/many`, scaled(MANY, scale));
    const MB = 1024 * 1024;
    return [
      { metric: 'resident after the few', value: few.resident / MB, unit: 'MB' },
      { metric: 'resident after the many', value: many.resident / MB, unit: 'MB' },
      { metric: 'heap after the few', value: few.heap / MB, unit: 'MB' },
      { metric: 'heap after the many', value: many.heap / MB, unit: 'MB' },
      { metric: 'conversations a second', value: scaled(MANY, scale) / many.seconds, unit: '/s' },
      {
        metric: 'resident after the many, against the few',
        value: many.resident / few.resident,
        unit: '×',
        goal: 1.2,
        better: 'lower',
      },
    ];
  });

async function take(folder: string, conversations: number): Promise<Taken> {
  const script = fileURLToPath(new URL('./memory-worker.ts', import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', script, folder, String(conversations)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunks, [code]] = await Promise.all([child.stdout.toArray(), once(child, 'close')]);
  if (code !== 0) throw new Error(`the worker ended with ${code}`);
  return JSON.parse(Buffer.concat(chunks).toString());
}
