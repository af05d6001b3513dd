import { json } from 'node:stream/consumers';
import { CliError } from '../run/errors.js';
import { type Option, type Words } from './words.js';
import { dataOf } from './command.js';
import { type Server, ask, gone, reach } from './server.js';

/** Why it is done, for the audit. */
export const reasonOption: Option = { value: 'text', meaning: 'why, for the audit of what operators did' };

export const reasonIn = ({ values }: Words): string => values['reason'] ?? `asked at ${new Date().toISOString()}`;

/** The server that runs the views of a data folder. Throws NOT_RUNNING where none does. */
export async function serverOf(words: Words): Promise<Server> {
  const place = await reach(dataOf(words));
  if (!('file' in place)) return place;
  place.close();
  const message = `No server runs on ${place.path}, and only a running one has views. Start it with \`npx verbatim start\`.`;
  throw new CliError('NOT_RUNNING', message);
}

/** Asks a server, and answers with what it says. */
export async function asked(
  server: Server,
  method: 'GET' | 'POST',
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const answer: unknown = await json(await ask(server, method, path, query)).catch((error: unknown) => {
    throw error instanceof CliError ? error : gone(error);
  });
  return answer;
}

/** Rows of a table for people: columns as wide as they need to be, numbers to the right. */
export function tableOf(
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): readonly string[] {
  const widths = columns.map((name, at) => Math.max(name.length, ...rows.map((row) => shown(row[at]).length)));
  const line = (cells: readonly (string | number | undefined)[]): string =>
    cells
      .map((cell, at) =>
        typeof cell === 'number' ? shown(cell).padStart(widths[at] ?? 0) : shown(cell).padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(columns), ...rows.map(line)];
}

const shown = (cell: string | number | undefined): string =>
  typeof cell === 'number' ? cell.toLocaleString('en') : (cell ?? '');
