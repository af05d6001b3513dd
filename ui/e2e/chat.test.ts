import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openLogIn, readHistory, replyEnds } from '../../ops/chaos/audit.js';
import { type Server, startServer } from '../../ops/chaos/server.js';
import { streamFaults } from '../../ops/chaos/streams.js';
import { ensureUi } from '../../ops/run/ui.js';
import { describeWith } from '../../ops/run/needs.js';
import {
  axeFaults,
  ended,
  launch,
  ownMessages,
  post,
  replies,
  replyText,
  signUp,
  unique,
  watch,
  words,
} from './browser.js';

describeWith('VERBATIM_CHROMIUM', 'the chat in Chromium, against a whole server', (executable) => {
  let data: string;
  let server: Server;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let faults: readonly string[];
  let people = 0;

  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'verbatim-e2e-'));
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

  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    faults = watch(context);
    page = await context.newPage();
    people += 1;
    await signUp(page, server.url, `person-${people}`);
  });
  afterEach(() => context.close());

  it('goes from an account to a streamed reply', async () => {
    await post(page, unique(40, 'first'));
    await expect.poll(() => words(page, 'first').then(({ length }) => length)).toBeGreaterThan(0);
    // It streams: it is there and it is still being written.
    expect(await page.getByRole('button', { name: 'Stop', exact: true }).isVisible()).toBe(true);
    await ended(page);
    expect((await words(page, 'first')).join(' ')).toBe(unique(40, 'first'));
    expect(await ownMessages(page).count()).toBe(1);
    expect(faults).toEqual([]);
  });

  it('goes on after a reload in mid-reply, from the text so far, with nothing doubled', async () => {
    await post(page, unique(200, 'reload'));
    await expect.poll(() => words(page, 'reload').then(({ length }) => length)).toBeGreaterThan(10);
    const before = await words(page, 'reload');
    await page.reload();
    await expect.poll(() => words(page, 'reload').then(({ length }) => length)).toBeGreaterThanOrEqual(before.length);
    expect(await page.getByRole('button', { name: 'Stop', exact: true }).isVisible()).toBe(true);
    await ended(page);
    expect((await words(page, 'reload')).join(' ')).toBe(unique(200, 'reload'));
    expect(await replies(page).count()).toBe(1);
    expect(faults).toEqual([]);
  });

  it('keeps a second tab in step, in both directions', async () => {
    await post(page, unique(120, 'tab'));
    const other = await context.newPage();
    await expect.poll(() => page.url()).toContain('/c/');
    await other.goto(page.url());
    await expect.poll(() => words(other, 'tab').then(({ length }) => length)).toBeGreaterThan(0);
    expect(await other.getByRole('button', { name: 'Stop', exact: true }).isVisible()).toBe(true);
    await Promise.all([ended(page), ended(other)]);
    expect((await words(other, 'tab')).join(' ')).toBe(unique(120, 'tab'));

    await post(other, unique(3, 'back'));
    await expect.poll(() => ownMessages(page).count()).toBe(2);
    await Promise.all([ended(page), ended(other)]);
    expect(await replyText(page)).toBe(await replyText(other));
    expect(faults).toEqual([]);
  });

  it('has everything acknowledged, and one end of the reply, after kill -9 in mid-reply', async () => {
    await post(page, unique(5, 'before'));
    await ended(page);
    await post(page, unique(150, 'kill'));
    await expect.poll(() => words(page, 'kill').then(({ length }) => length)).toBeGreaterThan(10);
    await server.kill();
    server = await startServer({ data, port: server.port });
    await server.ready;

    // The open page finds its way back by itself.
    await ended(page);
    expect((await words(page, 'kill')).join(' ')).toBe(unique(150, 'kill'));
    const shown = await page.getByRole('log').innerText();
    await page.reload();
    await ended(page);
    expect(await page.getByRole('log').innerText()).toBe(shown);
    expect(await ownMessages(page).count()).toBe(2);
    expect(await replies(page).count()).toBe(2);
    // While the server is away the browser says so; nothing else may be in the console.
    expect(faults.filter((fault) => !/net::ERR_|WebSocket connection/.test(fault))).toEqual([]);
  });

  it('stops a reply and keeps the text so far', async () => {
    await post(page, unique(200, 'stop'));
    await expect.poll(() => words(page, 'stop').then(({ length }) => length)).toBeGreaterThan(5);
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByText('Stopped.', { exact: true }).waitFor();
    await ended(page);
    const kept = await words(page, 'stop');
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.length).toBeLessThan(200);
    await page.reload();
    await page.getByText('Stopped.', { exact: true }).waitFor();
    expect(await words(page, 'stop')).toEqual(kept);
    expect(faults).toEqual([]);
  });

  it('renames and deletes a conversation', async () => {
    await post(page, 'an old name');
    await ended(page);
    const list = page.getByRole('navigation', { name: 'Conversations' });
    await list.getByRole('link', { name: 'an old name' }).hover();
    await list.getByRole('button', { name: 'Rename an old name' }).click();
    await list.getByRole('textbox', { name: 'Title' }).fill('a new name');
    await page.keyboard.press('Enter');
    await list.getByRole('link', { name: 'a new name' }).waitFor();
    await page.reload();
    await list.getByRole('link', { name: 'a new name' }).hover();
    const address = page.url();

    await list.getByRole('button', { name: 'Delete a new name' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await list.getByRole('link', { name: 'a new name' }).waitFor({ state: 'detached' });
    await page.goto(address);
    await page.getByText('This chat is gone').waitFor();
    expect(faults).toEqual([]);
  });

  it('signs out, in every tab, and signs in again', async () => {
    await post(page, 'before I go');
    await ended(page);
    const address = page.url();
    const other = await context.newPage();
    await other.goto(server.url);
    await other.getByRole('link', { name: 'before I go' }).waitFor();

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${server.url}/`);
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await other.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.goto(address);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Name', { exact: true }).fill(`person-${people}`);
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Name and password do not match.').waitFor();
    await page.getByLabel('Password').fill(`the password of person-${people}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    // One is back where one wanted to go.
    await ended(page);
    expect(page.url()).toBe(address);
    expect(faults.filter((fault) => !fault.includes('401'))).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('has no fault that axe can find, in %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.reload();
    await page.getByRole('heading', { name: 'What is on your mind' }).waitFor();
    expect(await axeFaults(page)).toEqual([]);
    await post(page, `# A list\n\n- one\n- two\n\n${unique(60, 'axe')}\n\n\`\`\`ts\nconst a = 1;\n\`\`\``);
    await expect.poll(() => replyText(page)).toContain('No language model');
    expect(await axeFaults(page)).toEqual([]);
    await ended(page);
    expect(await axeFaults(page)).toEqual([]);

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${server.url}/`);
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await axeFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Create your account' }).waitFor();
    expect(await axeFaults(page)).toEqual([]);
  });

  it('has left a log without gaps, in which every reply ended once', async () => {
    expect(await server.stop()).toBe(0);
    const log = openLogIn(data);
    const { events } = await readHistory(log);
    await log.close();
    expect(streamFaults(events)).toEqual([]);
    const endings = [...replyEnds(events)];
    expect(endings.length).toBeGreaterThan(8);
    expect(endings.filter(([, times]) => times !== 1)).toEqual([]);
  });
});
