import type { IncomingMessage, ServerResponse } from 'node:http';
import { readFileSync } from 'node:fs';
import type { InteractionResults, Provider } from 'oidc-provider';
import type { Account, Accounts } from './accounts.js';
import type { Limiter } from './limiter.js';
import { type Form, messagePage, registerPage, signInPage } from './pages.js';

export type InteractionsOptions = {
  readonly provider: Provider;
  readonly accounts: Accounts;
  readonly limiter: Limiter;
  /** Whether anybody may register, or only the first account. */
  readonly registration: 'open' | 'closed';
  /** What the first account must show where strangers can reach this place. */
  readonly firstCode: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
};

const LARGEST_FORM = 8 * 1024;
const style = readFileSync(new URL('./style.css', import.meta.url));
const submit = 'document.forms[0]?.requestSubmit(document.querySelector("button"));';

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

/** The pages on which people sign in and register, under `/oidc/interaction/<uid>`. False if the path is not theirs. */
export function interactionPages(options: InteractionsOptions): (...of: Parameters<Handler>) => Promise<boolean> {
  const { provider, accounts, limiter, registration, firstCode, headers } = options;

  const send = (response: ServerResponse, page: string, status = 200): void => {
    response.writeHead(status, { ...headers, 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(page);
  };
  const showSignIn = (response: ServerResponse, form: Form, status?: number): void =>
    send(response, signInPage(form, registration === 'open' || !accounts.first()), status);
  const showRegister = (response: ServerResponse, form: Form, status?: number): void => {
    const first = !accounts.first();
    send(response, registerPage(form, { first, code: first && firstCode !== undefined }), status);
  };

  const show: Handler = async (request, response, url) => {
    const { prompt } = await provider.interactionDetails(request, response);
    const asked = url.searchParams.get('screen') ?? (prompt.name === 'create' ? 'register' : 'login');
    const form = { action: url.pathname };
    const first = !accounts.first();
    if (!first && asked === 'register' && registration === 'closed') {
      send(response, messagePage('Registration is closed', 'Ask whoever runs this installation for an account.'), 403);
    } else if (first || asked === 'register') {
      showRegister(response, form);
    } else {
      showSignIn(response, form);
    }
  };

  const finish = async (request: IncomingMessage, response: ServerResponse, account: Account): Promise<void> => {
    const result: InteractionResults = { login: { accountId: account.subject, remember: true }, create: {} };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  };

  const signIn: Handler = async (request, response, url) => {
    const fields = await formOf(request);
    const login = fields.get('login')?.trim() ?? '';
    const form = { action: url.pathname.replace(/\/login$/, ''), login };
    const names = [`name ${login.toLowerCase()}`, `address ${request.socket.remoteAddress ?? ''}`];
    const seconds = Math.max(...names.map((name) => limiter.blocked(name)));
    if (seconds > 0) {
      const fault = `Too many wrong passwords. Try again in ${seconds} seconds.`;
      return showSignIn(response, { ...form, faults: { form: fault } }, 429);
    }
    const account = await accounts.check(login, fields.get('password') ?? '');
    if (!account) {
      for (const name of names) limiter.fail(name);
      return showSignIn(response, { ...form, faults: { password: 'Name and password do not match.' } }, 401);
    }
    for (const name of names) limiter.clear(name);
    return finish(request, response, account);
  };

  const register: Handler = async (request, response, url) => {
    const fields = await formOf(request);
    const login = fields.get('login')?.trim() ?? '';
    const name = fields.get('name')?.trim() ?? '';
    const password = fields.get('password') ?? '';
    const form = { action: url.pathname.replace(/\/register$/, ''), login, name };
    const first = !accounts.first();
    if (!first && registration === 'closed') return show(request, response, url);
    const faults = faultsOf(login, name, password);
    const address = `code ${request.socket.remoteAddress ?? ''}`;
    if (first && firstCode !== undefined && fields.get('code')?.trim() !== firstCode) {
      faults['code'] =
        limiter.blocked(address) > 0 ? 'Too many wrong codes. Wait a minute.' : 'This is not the code in the terminal.';
      limiter.fail(address);
    }
    if (Object.keys(faults).length > 0) return showRegister(response, { ...form, faults }, 400);
    const account = await accounts.register(login, name === '' ? login : name, password);
    if (account === 'taken') {
      const fault = 'This name is taken. Choose another one.';
      return showRegister(response, { ...form, faults: { login: fault } }, 409);
    }
    return finish(request, response, account);
  };

  return async (request, response, url) => {
    if (url.pathname === '/oidc/style.css' || url.pathname === '/oidc/submit.js') {
      const [type, body] = url.pathname.endsWith('css') ? ['text/css', style] : ['text/javascript', submit];
      response.writeHead(200, { ...headers, 'content-type': type, 'cache-control': 'public, max-age=600' }).end(body);
      return true;
    }
    const [, action] = /^\/oidc\/interaction\/[\w-]+(\/login|\/register)?$/.exec(url.pathname) ?? [];
    if (!url.pathname.startsWith('/oidc/interaction/')) return false;
    try {
      // Asked first in every case: it checks the cookie that only this browser, in this sign-in, has.
      await provider.interactionDetails(request, response);
      if (request.method === 'POST' && action) await (action === '/login' ? signIn : register)(request, response, url);
      else await show(request, response, url);
    } catch (error) {
      if (response.headersSent) throw error;
      const text = 'This sign-in has ended, or was begun in another browser. Start again.';
      send(response, messagePage('Start again', text), 400);
    }
    return true;
  };
}

/** The fields of a form. Throws on a body that no form of ours sends. */
async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = '';
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > LARGEST_FORM) throw new Error('the form is too large');
  }
  return new URLSearchParams(body);
}

function faultsOf(login: string, name: string, password: string): Record<string, string> {
  const faults: Record<string, string> = {};
  if (!/^[\p{L}\p{N}._-]{3,40}$/u.test(login)) faults['login'] = 'Use 3 to 40 letters, digits, dots or dashes.';
  if (name.length > 100) faults['name'] = 'At most 100 characters.';
  if (password.length < 10) faults['password'] = 'At least 10 characters.';
  if (password.length > 200) faults['password'] = 'At most 200 characters.';
  return faults;
}
