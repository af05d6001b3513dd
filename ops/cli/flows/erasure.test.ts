import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Person, register, signIn } from '../../chaos/person.js';
import { type Server, startServer } from '../../chaos/server.js';

// Whoever erases themselves has no account any more, on a real server, whatever happens to it meanwhile.

const [LOGIN, OTHER] = ['unforgettable-ulla', 'ben'];

let data: string;
let server: Server;
const start = async (port?: number): Promise<void> => {
  server = await startServer({ data, env: { GRAPHQL_DOCUMENTS: 'any' }, ...(port === undefined ? {} : { port }) });
  await server.ready;
};
beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'verbatim-erasure-'));
  await start();
}, 60_000);
afterAll(async () => {
  await server.kill();
  rmSync(data, { recursive: true, force: true });
});

const identityFiles = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => name.startsWith('identity.db'));

/** The files that still hold a login. */
const filesWith = (login: string): readonly string[] =>
  identityFiles(data).filter((name) => readFileSync(join(data, name)).includes(login));

const refusal = (login: string): Promise<unknown> =>
  signIn(server.url, login).then(
    () => 'signed in',
    (error: unknown) => error,
  );

const erase = ({ ask, newId }: Person) =>
  ask('mutation ($commandId: UUID!) { accountErase(input: { commandId: $commandId }) { __typename } }', {
    commandId: newId(),
  });

async function expectGone(): Promise<void> {
  await vi.waitFor(() => expect(filesWith(LOGIN)).toEqual([]), { timeout: 20_000, interval: 50 });
  expect(String(await refusal(LOGIN))).toContain('WRONG_PASSWORD');
  expect(await refusal(OTHER)).toBe('signed in');
}

it('takes the account along, though the server is killed at once, and though an older file is put back', async () => {
  await register(server.url, OTHER);
  const ulla = await register(server.url, LOGIN);
  const kept = mkdtempSync(join(tmpdir(), 'verbatim-identity-'));
  for (const name of identityFiles(data)) copyFileSync(join(data, name), join(kept, name));
  expect(filesWith(LOGIN)).not.toEqual([]);

  expect(await erase(ulla)).toEqual({ accountErase: { __typename: 'Accepted' } });
  await server.kill();
  await start(server.port);
  await expectGone();

  await server.stop();
  for (const name of identityFiles(data)) rmSync(join(data, name));
  for (const name of identityFiles(kept)) copyFileSync(join(kept, name), join(data, name));
  rmSync(kept, { recursive: true });
  expect(filesWith(LOGIN)).not.toEqual([]);
  await start(server.port);
  await expectGone();
}, 120_000);
