import axe from 'axe-core';
import { type Browser, type BrowserContext, type Locator, type Page, chromium } from 'playwright-core';

export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });

/** A page of which everything is noted that a console would show in red, violations of the CSP too. */
export function watch(context: BrowserContext): readonly string[] {
  const faults: string[] = [];
  context.on('page', (page) => {
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(`${message.text()} (${message.location().url})`);
    });
  });
  return faults;
}

/** Opens the page, makes an account, and comes back signed in. */
export async function signUp(page: Page, url: string, login: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByLabel('Name', { exact: true }).fill(login);
  await page.getByLabel('Password').fill(`the password of ${login}`);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: `What is on your mind, ${login}?` }).waitFor();
}

/** A text of so many words that no word occurs twice: what comes back of it can be counted. */
export const unique = (count: number, prefix: string): string =>
  Array.from({ length: count }, (_, n) => `${prefix}${n + 1}x`).join(' ');

export async function post(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.keyboard.press('Enter');
}

export const replies = (page: Page): Locator => page.getByRole('article', { name: 'Reply' });
export const ownMessages = (page: Page): Locator => page.getByRole('article', { name: 'Your message' });

/** What the newest reply shows. */
export const replyText = (page: Page): Promise<string> => replies(page).last().innerText();

/** The words of a `unique` text that the newest reply shows, in order. */
export async function words(page: Page, prefix: string): Promise<readonly string[]> {
  return (await replyText(page)).match(new RegExp(`\\b${prefix}\\d+x\\b`, 'g')) ?? [];
}

/** Waits until the newest reply has ended. */
export async function ended(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'detached', timeout: 60_000 });
  await replies(page).last().getByRole('button', { name: 'Copy', exact: true }).waitFor({ timeout: 60_000 });
}

/** What axe finds wrong with a page, by rule and place. */
export async function axeFaults(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found: unknown = await page.evaluate(
    `axe.run().then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))`,
  );
  return Array.isArray(found) ? found.map(String) : ['axe gave no answer'];
}
