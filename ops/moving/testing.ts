import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Keys } from '../../commands/keys/keys.js';
import { createOpener } from '../../commands/keys/opener.js';
import type { Log } from '../../commands/log/log.js';
import manifest from '../../package.json' with { type: 'json' };
import { contentOf } from '../../domain/content.js';
import type { Uuid } from '../../domain/ids.js';
import { coreQueries } from '../../projections/readmodel/core/queries.js';
import type { Db } from '../../projections/readmodel/db.js';
import { startViews } from '../../projections/views.js';
import { at } from '../chaos/person.js';

const folders = fileURLToPath(new URL('../run/folders/', import.meta.url));

/** Texts by the ids of their messages. */
export type Texts = Readonly<Record<Uuid, string>>;

/** A copy of the data folder that this version writes, with the texts that its person sees in it. */
export function furnished(): { readonly path: string; readonly texts: Texts; remove(): void } {
  const temp = mkdtempSync(join(tmpdir(), 'verbatim-moving-'));
  const path = join(temp, 'data');
  cpSync(join(folders, manifest.version), path, { recursive: true });
  const { known, seen } = JSON.parse(readFileSync(join(folders, `${manifest.version}.json`), 'utf8'));
  const texts = known.messages.flatMap((id: string) => {
    const text = at(seen, 'messages', id, 'parts', 0, 'text');
    return typeof text === 'string' ? [[id.slice('message_'.length), text]] : [];
  });
  return { path, texts: Object.fromEntries(texts), remove: () => rmSync(temp, { recursive: true, force: true }) };
}

/** Fills the views of a fleet from its log, and reads messages through them, opened with its keys. Erased ones read null. */
export async function readThrough(
  { log, db, keys }: { readonly log: Log; readonly db: Db; readonly keys: Pick<Keys, 'find'> },
  messages: readonly Uuid[],
): Promise<Readonly<Record<Uuid, string | null | undefined>>> {
  let fail = (error: unknown): void => void error;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const views = startViews({ log, db: () => db, onFailure: fail });
  try {
    const runner = views.runner('core');
    await Promise.race([runner.caughtUp, failed]);
    const queries = coreQueries({ db, partitions: log.partitions, reached: runner.reached });
    const opener = createOpener({ keys });
    const rows = await queries.messages(messages);
    const opened = rows.map(async ({ id, parts, source }) => {
      const items = parts.map(({ text }, n) => ({ sealed: text, content: contentOf.part(source ?? id, n) }));
      return [id, (await opener.open(items))[0]] as const;
    });
    return Object.fromEntries(await Promise.all(opened));
  } finally {
    await views.stop();
  }
}
