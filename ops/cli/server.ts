import { existsSync, readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, UsageError } from '../run/errors.js';
import { type Folder, FolderError, openFolder, readFormat, readObject } from '../run/folder.js';

/** The operators' port of the server that has a data folder, and the token that it wants to see. */
export type Server = { readonly url: string; readonly token: string };

/** How long a server that is just starting or ending is waited for, in ms. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 100;

/** The operators' port of a fleet, named by the variables OPS_URL and OPS_TOKEN. Throws UsageError where one is missing. */
function fleetIn({ OPS_URL: url, OPS_TOKEN: token }: NodeJS.ProcessEnv): Server | undefined {
  if (!url) return undefined;
  if (!URL.canParse(url)) throw new UsageError(`OPS_URL is "${url}". It takes an address, as http://127.0.0.1:8081.`);
  if (!token)
    throw new UsageError('OPS_URL is set, and OPS_TOKEN is not: it is the one that the fleet was started with.');
  return { url, token };
}

/**
 * The way to the data: a fleet, where OPS_URL names one; the server that has the folder; or else the folder itself, which
 * is then nobody else's until it is closed. The lock says which; what a killed server left lying about does not. Throws
 * FolderError, UsageError.
 */
export async function reach(data: string): Promise<Server | Folder> {
  const fleet = fleetIn(process.env);
  if (fleet) return fleet;
  readFormat(resolve(data));
  const begun = Date.now();
  for (;;) {
    try {
      return openFolder(data);
    } catch (error) {
      if (!(error instanceof FolderError) || error.code !== 'DATA_LOCKED') throw error;
      const server = announcedIn(data);
      if (server) return server;
      if (Date.now() - begun > PATIENCE_MS) throw error;
      await sleep(RETRY_MS);
    }
  }
}

function announcedIn(data: string): Server | undefined {
  const { opsUrl } = readObject(join(data, 'server.json')) ?? {};
  const file = join(data, 'ops.token');
  if (typeof opsUrl !== 'string' || !existsSync(file)) return undefined;
  return { url: opsUrl, token: readFileSync(file, 'utf8').trim() };
}

/**
 * Asks a server, and answers with the body as it comes; nothing sets a time to it. Throws what the server refuses:
 * UsageError, or CliError under the server's own code; SERVER_GONE where there is no answer.
 */
export async function ask(
  { url, token }: Server,
  method: 'GET' | 'POST',
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<IncomingMessage> {
  const target = new URL(`${path}?${new URLSearchParams(query).toString()}`, url);
  const answer = await new Promise<IncomingMessage>((found, reject) => {
    request(target, { method, headers: { authorization: `Bearer ${token}` } }, found)
      .once('error', (error) => reject(gone(error)))
      .end();
  });
  if (answer.statusCode === 200) return answer;
  const { code, message } = parsed(url, await text(answer));
  if (code === 'USAGE') throw new UsageError(message);
  throw new CliError(code, message);
}

/** What to say where a server does not answer to the end. */
export const gone = (cause: unknown): CliError =>
  new CliError('SERVER_GONE', 'The server ended before it had answered. Look at what it printed, and ask again.', {
    cause,
  });

function parsed(url: string, body: string): { readonly code: string; readonly message: string } {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value && 'code' in value && 'message' in value) {
      return { code: String(value.code), message: String(value.message) };
    }
  } catch {
    // Not ours: told below as it is.
  }
  const message = `What listens at ${url} answered: ${body.slice(0, 200)} (is another program on that port?)`;
  return { code: 'SERVER_ANSWER', message };
}
