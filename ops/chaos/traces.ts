import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Every way in which a text may stand in some bytes: as UTF-8 or UTF-16, or in base64 from any of three places on. */
function formsOf(text: string): ReadonlyMap<string, Buffer> {
  const forms = new Map([['utf8', Buffer.from(text, 'utf8')]]);
  const wide = Buffer.from(text, 'utf16le');
  forms.set('utf16le', wide);
  forms.set('utf16be', Buffer.from(wide).swap16());
  forms.set('hex', Buffer.from(Buffer.from(text).toString('hex')));
  for (const [name, bytes] of [
    ['utf8', Buffer.from(text)],
    ['utf16le', wide],
  ] as const) {
    for (const before of [0, 1, 2]) {
      // The first and the last four digits depend on what stands beside.
      const digits = Buffer.concat([Buffer.alloc(before), bytes])
        .toString('base64')
        .slice(before === 0 ? 0 : 4, -4);
      forms.set(`base64 of ${name}, ${before}`, Buffer.from(digits));
      forms.set(`base64url of ${name}, ${before}`, Buffer.from(digits.replaceAll('+', '-').replaceAll('/', '_')));
    }
  }
  return forms;
}

/** Where which of the texts stand in some bytes, in whatever form. Letter case is not looked through. */
export function tracesIn(where: string, bytes: Buffer, texts: Iterable<string>): readonly string[] {
  const found: string[] = [];
  for (const text of texts) {
    for (const [form, needle] of formsOf(text)) {
      if (bytes.includes(needle)) found.push(`${where}: ${text} (${form})`);
    }
  }
  return found;
}

/** The same for every file below a folder. */
export function tracesBelow(folder: string, texts: ReadonlySet<string>): readonly string[] {
  return filesBelow(folder).flatMap((file) => tracesIn(file, readFileSync(join(folder, file)), texts));
}

export const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
