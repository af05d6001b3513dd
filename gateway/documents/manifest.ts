import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * The documents of the page, by hash: every one that a page may still send. A page that somebody left open is older than
 * the server, so a document lives for 90 days after it has left the page.
 */
export type Manifest = { readonly entries: readonly Entry[] };

export type Entry = {
  /** sha256 of the document, in hex. */
  readonly hash: string;
  /** The day on which it was added, as 2026-01-31. */
  readonly added: string;
  /** The day on which it was on the page no more; null while it is. */
  readonly left: string | null;
  /** The document; null once its time is over, of which only this line stays. */
  readonly document: string | null;
  /** Hash of this entry (hash and day) and the chain before it, so that a lost or edited line is seen. */
  readonly chain: string;
};

const DAYS = 90;
const DAY = 24 * 3_600_000;

export const manifestFile = new URL('./manifest.json', import.meta.url);

/** Reads the manifest. Throws where it was edited. */
export function readManifest(file: URL = manifestFile): Manifest {
  const manifest: Manifest & { readonly tip: string } = JSON.parse(readFileSync(file, 'utf8'));
  const broken = brokenAt(manifest.entries, manifest.tip);
  if (broken === undefined) return manifest;
  throw new Error(`${file.pathname} was edited at ${broken}: take it from the history again, then npm run codegen.`);
}

export const printManifest = ({ entries }: Manifest): string =>
  `${JSON.stringify({ tip: entries.at(-1)?.chain ?? '', entries }, undefined, 2)}\n`;

/** The first entry that is not as it was written, or 'the end' where entries are missing there. */
export function brokenAt(entries: readonly Entry[], tip: string): string | undefined {
  let before = '';
  for (const { hash, added, document, chain } of entries) {
    if (chain !== chainOf(before, hash, added) || (document !== null && sha256(document) !== hash)) return hash;
    before = chain;
  }
  return before === tip ? undefined : 'the end';
}

/**
 * The manifest after a build of the page: what is new is appended, what has left is dated, what came back is taken back,
 * and of what left 90 days ago the document goes. Nothing else ever changes. `today` as 2026-01-31.
 */
export function publishDocuments(before: Manifest, page: readonly string[], today: string): Manifest {
  const there = new Map(page.map((document) => [sha256(document), document]));
  const entries = before.entries.map((entry): Entry => {
    const document = there.get(entry.hash);
    if (document !== undefined) return { ...entry, left: null, document };
    const left = entry.left ?? today;
    return { ...entry, left, document: isLive({ left }, Date.parse(today)) ? entry.document : null };
  });
  const known = new Set(entries.map(({ hash }) => hash));
  for (const [hash, document] of there) {
    if (known.has(hash)) continue;
    const chain = chainOf(entries.at(-1)?.chain ?? '', hash, today);
    entries.push({ hash, added: today, left: null, document, chain });
  }
  return { entries };
}

/** Whether a document is still served. `now` in ms since 1970. */
export const isLive = ({ left }: Pick<Entry, 'left'>, now: number): boolean =>
  left === null || now < Date.parse(left) + DAYS * DAY;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const chainOf = (before: string, hash: string, added: string): string =>
  sha256(`${before} ${hash} ${added}`).slice(0, 16);
