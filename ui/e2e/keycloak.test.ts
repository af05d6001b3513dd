import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Realm, openRealm } from '../../gateway/identity/keycloak-testing.js';
import { type Running, startEmbedded } from '../../ops/run/embedded.js';
import { type Folder, openFolder } from '../../ops/run/folder.js';
import { describeWith } from '../../ops/run/needs.js';
import { freePort } from '../../ops/run/port.js';
import { ensureUi } from '../../ops/run/ui.js';
import { ended, launch, post, replyText, watch } from './browser.js';

// The same page, and a Keycloak in place of the provider in the process: nothing is different for who uses it.

/** A token is renewed 30 s before it ends, so that this one is renewed after 20. In seconds. */
const TOKEN_LIVES = 50;

describeWith('VERBATIM_CHROMIUM', 'the chat in Chromium', (executable) => {
  describeWith('KEYCLOAK_URL', 'with Keycloak', (keycloak) => {
    let realm: Realm;
    let folder: Folder;
    let running: Running;
    let url: string;
    let browser: Browser;
    let context: BrowserContext;
    let page: Page;
    let faults: readonly string[];
    const failures: unknown[] = [];
    /** What the page asked the token endpoint for, and the newest token that it showed the gateway. */
    const grants: string[] = [];
    let shown = '';

    beforeAll(async () => {
      const { port } = await freePort('127.0.0.1', 0);
      url = `http://localhost:${port}`;
      realm = await openRealm(keycloak, {
        publicUrl: url,
        gatewayUrl: `http://127.0.0.1:${port}`,
        registration: true,
        changes: { accessTokenLifespan: TOKEN_LIVES },
      });
      const built = ensureUi();
      folder = openFolder(mkdtempSync(join(tmpdir(), 'verbatim-e2e-')));
      running = await startEmbedded({
        folder,
        host: '127.0.0.1',
        port,
        opsPort: 0,
        publicUrl: url,
        registration: 'closed',
        firstCode: undefined,
        introspection: false,
        documents: 'any',
        explorer: false,
        verboseErrors: false,
        masterKeys: [],
        oidc: {
          issuer: realm.issuer,
          jwksUrl: realm.jwksUrl,
          clientId: 'verbatim-ui',
          admin: { url: keycloak, clientId: 'verbatim-admin', secret: realm.adminClient.clientSecret },
        },
        page: { folder: fileURLToPath(new URL('../dist', import.meta.url)), built },
        say: () => undefined,
        onFailure: (error) => failures.push(error),
      });
      await running.ready;
      browser = await launch(executable);
      context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      faults = watch(context);
      page = await context.newPage();
      page.on('request', (request) => {
        const grant = new URLSearchParams(request.postData() ?? '').get('grant_type');
        if (grant !== null) grants.push(grant);
        if (request.url() === `${url}/graphql`) shown = request.headers()['authorization'] ?? shown;
      });
    }, 180_000);
    afterAll(async () => {
      await browser?.close();
      await running?.stop();
      folder?.close();
      if (folder) rmSync(folder.path, { recursive: true, force: true });
      await realm?.close();
    }, 60_000);

    const signIn = async (on: Page, login: string, password: string): Promise<void> => {
      await on.getByRole('button', { name: 'Sign in' }).click();
      await on.locator('#username').fill(login);
      await on.locator('#password').fill(password);
      await on.locator('#kc-login').click();
    };
    const greeting = (on: Page, name: string): Promise<void> =>
      on.getByRole('heading', { name: `What is on your mind, ${name}?` }).waitFor();

    const ask = async (query: string): Promise<string> => {
      const headers = { 'content-type': 'application/json', authorization: shown };
      return (await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })).text();
    };

    it('goes from Keycloak’s page to a streamed reply', async () => {
      await page.goto(url);
      await signIn(page, 'ana', 'not the password');
      await page.locator('[id^="input-error"]').first().waitFor();
      await page.locator('#password').fill('correct-horse-ana');
      await page.locator('#kc-login').click();
      await greeting(page, 'Ana Pop');
      await post(page, 'hello from Keycloak');
      await ended(page);
      expect(await replyText(page)).toContain('hello from Keycloak');
      expect(faults).toEqual([]);
    }, 120_000);

    it('renews its token by itself, also when the keys are rotated, and the chat goes on', async () => {
      const address = page.url();
      const renewals = (): number => grants.filter((grant) => grant === 'refresh_token').length;
      for (const text of ['after one renewal', 'after new keys']) {
        const before = renewals();
        await expect.poll(renewals, { timeout: 60_000, interval: 500 }).toBeGreaterThan(before);
        await post(page, text);
        await ended(page);
        expect(await replyText(page)).toContain(text);
        await realm.rotateKeys();
      }
      // Another tab of the same browser needs nobody to sign in, and neither does a reload.
      const other = await context.newPage();
      await other.goto(address);
      await ended(other);
      expect(await replyText(other)).toContain('after new keys');
      await page.reload();
      await ended(page);
      expect(page.url()).toBe(address);
      await other.close();
      expect(faults).toEqual([]);
    }, 180_000);

    it('has the roles of the realm', async () => {
      expect(await ask('{ viewer { roles } }')).toContain('OPS');
      expect(await ask('{ lag { view } }')).toContain('core');
    });

    it('signs out, at Keycloak and in every tab, and signs in again where it was', async () => {
      const address = page.url();
      const other = await context.newPage();
      await other.goto(address);
      await ended(other);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${url}/`);
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      await other.getByRole('button', { name: 'Sign in' }).waitFor();
      await other.close();
      // What was shown before is worth nothing, though it has not ended.
      await expect.poll(() => ask('{ viewer { roles } }')).toContain('SESSION_ENDED');
      await page.goto(address);
      await signIn(page, 'ana', 'correct-horse-ana');
      await ended(page);
      expect(page.url()).toBe(address);
      expect(faults.filter((fault) => !fault.includes('401'))).toEqual([]);
    }, 120_000);

    it('is signed out when an operator ends the session at Keycloak', async () => {
      await realm.rest(`/users/${await realm.subjectOf('ana')}/logout`, 'POST');
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
    }, 60_000);

    it('makes an account at Keycloak', async () => {
      const fresh = await browser.newContext();
      const newcomer = await fresh.newPage();
      await newcomer.goto(url);
      await newcomer.getByRole('button', { name: 'Create account' }).click();
      await newcomer.locator('#username').fill('dora');
      await newcomer.locator('#password').fill('correct-horse-dora');
      await newcomer.locator('#password-confirm').fill('correct-horse-dora');
      await newcomer.locator('#firstName').fill('Dora');
      await newcomer.locator('input[type="submit"], button[type="submit"]').click();
      await greeting(newcomer, 'Dora');
      await fresh.close();
      expect(failures).toEqual([]);
    }, 120_000);
  });
});
