import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVerifier } from '../tokens.js';
import type { Issuer } from './identity.js';
import { type IssuerOptions, keycloakIssuer } from './keycloak.js';

// Keys over a real connection, which is cut where Keycloak is away. What Keycloak itself does: keycloak.test.ts.

const ISSUER = 'http://login.test/realms/verbatim';
const COOLDOWN = 5_000;

type Key = Awaited<ReturnType<typeof makeKey>>;
async function makeKey(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } };
}

let served: readonly Key[];
let state: 'up' | 'failing' | 'cut';
let asked: number;
/** Holds back answers that are made already. */
let way: Promise<void> | undefined;
let at: number;
let troubles: readonly string[];
let certs: string;
let issuer: Issuer;
let close: () => Promise<void>;
beforeEach(async () => {
  [served, state, asked, way, at, troubles] = [[await makeKey('first')], 'up', 0, undefined, Date.now(), []];
  const server = createServer((request, response) => {
    asked += 1;
    if (state === 'cut') return void request.socket.destroy();
    response.writeHead(state === 'up' ? 200 : 503, { 'content-type': 'application/json' });
    const text = JSON.stringify({ keys: served.map(({ jwk }) => jwk) });
    void Promise.resolve(way).then(() => response.end(text));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  certs = `http://127.0.0.1:${port}/certs`;
  issuer = open(certs);
});
afterEach(() => close());

const open = (jwksUrl: string, more: Partial<IssuerOptions> = {}): Issuer =>
  keycloakIssuer({
    issuer: ISSUER,
    jwksUrl,
    cooldown: COOLDOWN,
    cacheMaxAge: 0,
    now: () => at,
    onTrouble: ({ code }) => {
      troubles = [...troubles, code];
    },
    ...more,
  });

/** Whether a token of a key is taken, by a gateway that has not seen it before: the code where it is not. */
async function judge(key: Key): Promise<string> {
  const verify = createVerifier({ issuer, namespace: '6ba7b810-9dad-11d1-80b4-00c04fd430c8', now: Date.now });
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', kid: key.kid })
    .setIssuer(ISSUER)
    .setAudience('verbatim-api')
    .setSubject('ana')
    .setExpirationTime('5 minutes')
    .sign(key.privateKey);
  return verify(`Bearer ${token}`).then(
    ({ subject }) => subject,
    (error: unknown) => codeOf(error),
  );
}

const codeOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('code' in error) return String(error.code);
  return JSON.stringify('extensions' in error ? error.extensions : error);
};
const UNAVAILABLE = JSON.stringify({ code: 'UNAVAILABLE' });

/** An issuer whose first key is known already, that asks again after `cooldown` ms; a key to come, and one that never does. */
async function knowingTheFirst(cooldown: number) {
  issuer = open(certs, { cooldown, cacheMaxAge: 600_000 });
  const [first] = served;
  const [second, nobodys] = await Promise.all(['second', 'nobody’s'].map(makeKey));
  if (!first || !second || !nobodys) throw new Error('no key');
  expect(await judge(first)).toBe('ana');
  return { second, nobodys };
}

describe('keys of an issuer that is somewhere else', () => {
  it('are fetched anew for a key that is new, and what is retired is not taken', async () => {
    const [first] = served;
    const second = await makeKey('second');
    expect(first && (await judge(first))).toBe('ana');
    expect(await judge(second)).toBe('TOKEN_INVALID');
    served = [second];
    expect(await judge(second)).toBe('ana');
    expect(first && (await judge(first))).toBe('TOKEN_INVALID');
    expect(troubles).toEqual([]);
  });

  it('are asked for again for one that came right after the last question, and no more often, whoever comes', async () => {
    const { second, nobodys } = await knowingTheFirst(300);
    served = [second];
    expect(await judge(second)).toBe('ana');
    expect(asked).toBe(2);
    const codes = await Promise.all(Array.from({ length: 50 }, () => judge(nobodys)));
    expect(new Set(codes)).toEqual(new Set(['TOKEN_INVALID']));
    expect(asked).toBe(3);
  });

  it('are asked for again for one that came while others wait already, and the last question was after they came', async () => {
    const { second, nobodys } = await knowingTheFirst(1_000);
    await sleep(700);
    const early = judge(nobodys);
    await sleep(400);
    expect(await judge(nobodys)).toBe('TOKEN_INVALID');
    expect(asked).toBe(2);
    served = [second];
    expect(await judge(second)).toBe('ana');
    expect(await early).toBe('TOKEN_INVALID');
  });

  it('are asked for again for one that came after those on their way were made', async () => {
    const { second, nobodys } = await knowingTheFirst(100);
    await sleep(150);
    let goOn = (): void => undefined;
    way = new Promise((resolve) => (goOn = resolve));
    const judged = judge(nobodys);
    await expect.poll(() => asked).toBe(2);
    served = [second];
    const late = judge(second);
    await sleep(50);
    goOn();
    expect(await judged).toBe('TOKEN_INVALID');
    expect(await late).toBe('ana');
  });

  it.each(['failing', 'cut'] as const)(
    'are told of once while it is %s, and asked for once a cooldown, whoever comes',
    async (how) => {
      issuer = open(certs, { cooldown: 300, cacheMaxAge: 600_000 });
      const [first] = served;
      const nobodys = await makeKey('nobody’s');
      if (!first) throw new Error('no key');
      expect(await judge(first)).toBe('ana');
      await sleep(350);
      state = how;
      for (let times = 0; times < 5; times++) {
        expect(await judge(nobodys)).toBe(UNAVAILABLE);
        expect(await judge(first)).toBe('ana');
      }
      expect([asked, troubles.length]).toEqual([2, 1]);
      at += 300;
      expect(await judge(first)).toBe('ana');
      expect(await judge(nobodys)).toBe(UNAVAILABLE);
      expect([asked, troubles.length]).toEqual([3, 1]);
      at += 300;
      state = 'up';
      expect(await judge(nobodys)).toBe('TOKEN_INVALID');
      await sleep(350);
      state = how;
      expect(await judge(nobodys)).toBe(UNAVAILABLE);
      expect(troubles).toHaveLength(2);
    },
  );

  it.each(['failing', 'cut'] as const)('go on while it is %s, and it is told once', async (how) => {
    const [first] = served;
    if (!first) throw new Error('no key');
    await judge(first);
    state = how;
    for (let times = 0; times < 3; times++) expect(await judge(first)).toBe('ana');
    // It may be one that is new, or one that nobody ever had.
    expect(await judge(await makeKey('second'))).toBe(UNAVAILABLE);
    expect(troubles).toEqual(['IDENTITY_UNREACHABLE']);
    // One question per cooldown, whoever comes.
    expect(asked).toBe(2);

    state = 'up';
    at += COOLDOWN;
    expect(await judge(await makeKey('third'))).toBe('TOKEN_INVALID');
    state = how;
    expect(await judge(first)).toBe('ana');
    expect(troubles).toHaveLength(2);
  });

  it('are missing where they never came: no token is called a bad one then', async () => {
    const [first] = served;
    if (!first) throw new Error('no key');
    state = 'cut';
    expect(await judge(first)).toBe(UNAVAILABLE);
    expect(await judge(first)).toBe(UNAVAILABLE);
    expect(asked).toBe(1);
    state = 'up';
    at += COOLDOWN;
    expect(await judge(first)).toBe('ana');
  });
});
