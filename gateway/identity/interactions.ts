import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InteractionResults, Provider } from 'oidc-provider';
import { SessionNotFound } from 'oidc-provider/lib/helpers/errors.js';
import { type Accounts, keyOf } from './accounts.js';
import { type Fault, FormTooLarge, faultsOf, formOf, registrationOf, waitText } from './forms.js';
import type { Account } from './identity.js';
import type { Limiter } from './limiter.js';
import { type Form, messagePage, registerPage, signInPage, startAgainPage } from './pages.js';

export type InteractionsOptions = {
  readonly provider: Provider;
  readonly accounts: Accounts;
  /** Passwords and codes tried for one name, and from one address. */
  readonly limits: { readonly names: Limiter; readonly addresses: Limiter };
  /** Whether anybody may register, or only the first account. */
  readonly registration: 'open' | 'closed';
  /** What the first account must show where strangers can reach this place. */
  readonly firstCode: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Where a request comes from. */
  readonly addressOf: (request: IncomingMessage) => string;
  /** Hears of what went wrong in here. */
  readonly onFailure: (error: unknown) => void;
};

const assets: Readonly<Record<string, { readonly type: string; readonly body: string }>> = {
  '/oidc/style.css': { type: 'text/css', body: readFileSync(new URL('./style.css', import.meta.url), 'utf8') },
  '/oidc/submit.js': { type: 'text/javascript', body: 'document.querySelector("button")?.click();' },
};

type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<void>;

/** The pages on which people sign in and register, under `/oidc/interaction/<uid>`. False if the path is not theirs. */
export function interactionPages(
  options: InteractionsOptions,
): (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean> {
  const { provider, accounts, limits, registration, firstCode, headers, addressOf, onFailure } = options;

  const send = (response: ServerResponse, page: string, status = 200): void => {
    response.writeHead(status, { ...headers, 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(page);
  };
  const showSignIn = (response: ServerResponse, form: Form, status?: number): void =>
    send(response, signInPage(form, registration === 'open'), status);
  const showRegister = (response: ServerResponse, form: Form, status?: number): void => {
    const first = !accounts.hasFirst();
    send(response, registerPage(form, { first, code: first && firstCode !== undefined }), status);
  };
  const showClosed = (response: ServerResponse, action: string): void =>
    send(
      response,
      messagePage({
        title: 'Registration is closed',
        note: 'Ask whoever runs this installation for an account.',
        code: 'REGISTRATION_CLOSED',
        way: { href: `${action}?screen=login`, text: 'Sign in' },
      }),
      403,
    );

  const show = async (response: ServerResponse, action: string, asked: string | null): Promise<void> => {
    const first = !accounts.hasFirst();
    if (first || asked === 'register') {
      if (first || registration === 'open') showRegister(response, { action });
      else showClosed(response, action);
    } else {
      showSignIn(response, { action });
    }
  };

  const finish = async (request: IncomingMessage, response: ServerResponse, account: Account): Promise<void> => {
    const result: InteractionResults = { login: { accountId: account.subject, remember: true }, create: {} };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  };

  /** Counts an attempt under an address, and under a name. The fault to show if there were too many. */
  const tooMany = (address: string, name: string, what: string): Fault | undefined => {
    const seconds = limits.addresses.attempt(address) || limits.names.attempt(name);
    if (seconds === 0) return undefined;
    return { code: 'TOO_MANY_ATTEMPTS', text: `Too many ${what}. Try again in ${waitText(seconds)}.` };
  };
  const forgive = (address: string, name: string): void => {
    limits.addresses.forgive(address);
    limits.names.forgive(name);
  };

  const signIn: Handler = async (request, response, action) => {
    const fields = await formOf(request);
    const login = fields.get('login')?.trim() ?? '';
    const form = { action, login };
    const address = addressOf(request);
    const name = keyOf(login.slice(0, 64));
    const blocked = tooMany(address, name, 'attempts to sign in');
    if (blocked) return showSignIn(response, { ...form, faults: { form: blocked } }, 429);
    const account = await accounts.check(login, fields.get('password') ?? '');
    if (!account) {
      const fault = { code: 'WRONG_PASSWORD', text: 'Name and password do not match.' };
      return showSignIn(response, { ...form, faults: { password: fault } }, 401);
    }
    forgive(address, name);
    return finish(request, response, account);
  };

  /** What is wrong with the one-time code of the first account, if it needs one. */
  const codeFault = (request: IncomingMessage, code: string): Fault | undefined => {
    if (firstCode === undefined || accounts.hasFirst()) return undefined;
    const address = addressOf(request);
    // Not a name that anybody can have: names hold no spaces.
    const blocked = tooMany(address, 'the code', 'codes');
    if (blocked) return blocked;
    if (!same(code, firstCode))
      return {
        code: 'WRONG_CODE',
        text: 'This is not the code that stands in the terminal in which the server was started.',
      };
    forgive(address, 'the code');
    return undefined;
  };

  const register: Handler = async (request, response, action) => {
    const form = registrationOf(await formOf(request));
    const { login, name, password } = form;
    const shown = { action, login, name };
    const onlyFirst = registration === 'closed';
    if (onlyFirst && accounts.hasFirst()) return showClosed(response, action);
    const faults = faultsOf(form);
    const code = codeFault(request, form.code);
    if (code) faults['code'] = code;
    if (Object.keys(faults).length > 0) {
      const status = code?.code === 'TOO_MANY_ATTEMPTS' ? 429 : 400;
      return showRegister(response, { ...shown, code: form.code, faults }, status);
    }
    const made = await accounts.register({ login, name: name === '' ? login : name, password, onlyFirst });
    if (made === 'closed') return showClosed(response, action);
    if (made !== 'taken') return finish(request, response, made);
    // A double click sends the form twice: the second finds the account that the first one made, in this sign-in.
    const { result } = await provider.interactionDetails(request, response);
    const earlier = result?.login ? accounts.find(result.login.accountId) : undefined;
    if (earlier && keyOf(earlier.login) === keyOf(login)) return finish(request, response, earlier);
    const fault = { code: 'LOGIN_TAKEN', text: 'This name is taken. Choose another one.' };
    return showRegister(response, { ...shown, faults: { login: fault } }, 409);
  };

  const refuse = (response: ServerResponse, error: unknown): void => {
    if (error instanceof SessionNotFound) return send(response, startAgainPage(), 400);
    if (error instanceof FormTooLarge) {
      const note = 'What was sent is larger than this form can be.';
      return send(response, messagePage({ title: 'That is too much', note, code: error.code }), 413);
    }
    onFailure(error);
    const note = 'It is not your fault, and nothing was changed. Try again in a moment.';
    send(response, messagePage({ title: 'Something went wrong', note, code: 'INTERNAL' }), 500);
  };

  return async (request, response, { pathname, searchParams }) => {
    const asset = assets[pathname];
    if (asset) {
      response.writeHead(200, {
        ...headers,
        'content-type': `${asset.type}; charset=utf-8`,
        'cache-control': 'public, max-age=600',
      });
      response.end(asset.body);
      return true;
    }
    const [, action = '', step] = /^(\/oidc\/interaction\/[\w-]+)(\/login|\/register)?$/.exec(pathname) ?? [];
    if (!action) return false;
    try {
      // Asked first in every case: it checks the cookie that only this browser, in this sign-in, has.
      const { prompt } = await provider.interactionDetails(request, response);
      const asked = searchParams.get('screen') ?? (prompt.name === 'create' || step === '/register' ? 'register' : '');
      if (request.method !== 'POST') await show(response, action, asked);
      else await (step === '/register' ? register : signIn)(request, response, action);
    } catch (error) {
      if (response.headersSent) throw error;
      refuse(response, error);
    }
    return true;
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Takes as long for a wrong text as for the right one. */
const same = (given: string, expected: string): boolean => timingSafeEqual(digest(given), digest(expected));
