import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Server, startServer } from '../../ops/chaos/server.js';
import { describeWith } from '../../ops/run/needs.js';
import { ensureUi } from '../../ops/run/ui.js';
import { axeFaults, ended, launch, ownMessages, post, signUp, watch } from './browser.js';

describeWith('VERBATIM_CHROMIUM', 'the GraphQL explorer', (executable) => {
  let data: string;
  let server: Server;
  let browser: Browser;
  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'verbatim-explorer-'));
    await ensureUi();
    server = await startServer({ data });
    await server.ready;
    browser = await launch(executable);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.kill();
    rmSync(data, { recursive: true, force: true });
  });

  it('asks in the name of who is signed in, shows the schema, and breaks no rule of the page', async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const faults = watch(context);
    const page = await context.newPage();
    await signUp(page, server.url, 'explorer');
    await page.goto(`${server.url}/graphiql`);
    const result = page.getByRole('region', { name: 'Result' });

    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await result.getByText('"name": "explorer"').waitFor();

    await page.getByRole('button', { name: 'deadLetters' }).click();
    await page.getByRole('textbox', { name: 'Document' }).press('Control+Enter');
    // The first account takes all roles.
    await result.getByText('"deadLetters": []').waitFor();

    await page.getByRole('textbox', { name: 'Document' }).fill('{ nothing }');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await result.getByText('Cannot query field').waitFor();

    await page.getByRole('textbox', { name: 'Document' }).fill('subscription { inbox { complete } }');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await result.getByText('"complete": true').waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();

    await page.getByRole('textbox', { name: 'Variables' }).fill('{');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await result.getByText('The variables are no JSON').waitFor();

    const shot = process.env['VERBATIM_SHOT'];
    if (shot) await page.screenshot({ path: shot });
    expect(await axeFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
    await context.close();
  });

  it('says why, where a server takes no documents but those of its page, and the page has all of its own', async () => {
    const strict = mkdtempSync(join(tmpdir(), 'verbatim-persisted-'));
    const persisted = await startServer({ data: strict, env: { GRAPHQL_DOCUMENTS: 'persisted' } });
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    try {
      await persisted.ready;
      const faults = watch(context);
      const page = await context.newPage();
      await signUp(page, persisted.url, 'strict');
      await post(page, 'a first word');
      await ended(page);
      const list = page.getByRole('navigation', { name: 'Conversations' });
      await list.getByRole('link', { name: 'a first word' }).hover();
      await list.getByRole('button', { name: 'Rename a first word' }).click();
      await list.getByRole('textbox', { name: 'Title' }).fill('renamed');
      await page.keyboard.press('Enter');
      const other = await context.newPage();
      await other.goto(page.url());
      await other.getByRole('link', { name: 'renamed' }).waitFor();
      await post(other, 'from a second tab');
      await expect.poll(() => ownMessages(page).count()).toBe(2);
      await Promise.all([ended(page), ended(other)]);
      await other.close();
      await list.getByRole('link', { name: 'renamed' }).hover();
      await list.getByRole('button', { name: 'Delete renamed' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await list.getByRole('link', { name: 'renamed' }).waitFor({ state: 'detached' });

      await page.goto(`${persisted.url}/graphiql`);
      await page.getByText('This server does not tell its schema. It says: This server takes the documents').waitFor();
      expect(faults).toEqual([]);
    } finally {
      await context.close();
      await persisted.kill();
      rmSync(strict, { recursive: true, force: true });
    }
  });
});
