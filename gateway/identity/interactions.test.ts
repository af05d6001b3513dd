import { afterEach, describe, expect, it } from 'vitest';
import type { ProviderOptions } from './provider.js';
import {
  type Browser,
  type Fields,
  type Page,
  type Place,
  codesIn,
  openBrowser,
  openPlace,
  person,
} from './testing.js';

const places: Place[] = [];
afterEach(async () => {
  for (const place of places.splice(0)) await place.close();
});

async function at(options: Partial<ProviderOptions> = {}): Promise<Place> {
  const place = await openPlace(options);
  places.push(place);
  return place;
}

const authUrl = ({ origin }: Place, more: Fields = {}): URL => {
  const url = new URL('/oidc/auth', origin);
  url.search = new URLSearchParams({
    client_id: 'verbatim-ui',
    response_type: 'code',
    scope: 'openid profile',
    redirect_uri: `${origin}/auth/callback`,
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    ...more,
  }).toString();
  return url;
};

/** The page on which a sign-in begins. */
const begin = (place: Place, browser: Browser, more?: Fields): Promise<Page> => browser.open(authUrl(place, more));

/** Somebody new in a browser of their own, from the first page to the page after the form. */
const register = async (place: Place, fields: Fields): Promise<Page> => {
  const browser = openBrowser(place);
  return browser.submit(await begin(place, browser, { prompt: 'create' }), fields);
};
const signIn = async (place: Place, login: string, password: string): Promise<Page> => {
  const browser = openBrowser(place);
  return browser.submit(await begin(place, browser), { login, password });
};
const arrived = ({ url }: Page): boolean => url.pathname === '/auth/callback' && url.searchParams.has('code');

describe('registration', () => {
  it('says what is wrong beside each field, keeps what was typed, and never a password', async () => {
    const place = await at();
    const page = await register(place, { login: 'a b', name: 'x'.repeat(101), password: 'hunter2' });
    expect(page.status).toBe(400);
    expect(codesIn(page)).toEqual(['LOGIN_INVALID', 'NAME_INVALID', 'PASSWORD_TOO_SHORT']);
    expect(page.html).toContain('value="a b"');
    expect(page.html).not.toContain('hunter2');
    const same = await register(place, person('correct-horse', { password: 'Correct-Horse' }));
    expect(codesIn(same)).toEqual(['PASSWORD_IS_LOGIN']);
    expect(place.provider().first()).toBeUndefined();
  });

  it('shows what was typed as text, whatever it is', async () => {
    const place = await at();
    const page = await register(place, person('"><script>alert(1)</script>', { name: `' onfocus=alert(1) x='` }));
    expect(page.html).toContain('value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"');
    expect(page.html).not.toContain(`' onfocus`);
  });

  it('refuses a name that is taken, and takes no display name for the name', async () => {
    const place = await at();
    expect(arrived(await register(place, person('ada')))).toBe(true);
    const page = await register(place, person('ADA'));
    expect([page.status, codesIn(page)]).toEqual([409, ['LOGIN_TAKEN']]);
  });

  it('lets a form pass that a double click sent twice, and does not call the name taken', async () => {
    const place = await at();
    const browser = openBrowser(place);
    expect(await browser.submitTwice(await begin(place, browser), person('ada'))).toEqual([303, 303]);
  });

  it('is for the first account alone where it is closed, and makes one of two that race', async () => {
    const place = await at({ registration: 'closed' });
    const both = await Promise.all(['ada', 'eve'].map((login) => register(place, person(login))));
    expect(both.filter(arrived)).toHaveLength(1);
    expect(both.filter(({ status }) => status === 403)).toHaveLength(1);
    expect(both.flatMap(codesIn)).toEqual(['REGISTRATION_CLOSED']);
    const later = openBrowser(place);
    const page = await begin(place, later, { prompt: 'create' });
    expect([page.status, codesIn(page)]).toEqual([403, ['REGISTRATION_CLOSED']]);
    expect((await begin(place, later)).html).not.toContain('Create an account');
    const forced = await later.open(`${(await begin(place, later)).url.href}/register`, person('bob'));
    expect([forced.status, codesIn(forced)]).toEqual([403, ['REGISTRATION_CLOSED']]);
  });

  it('gives the first of two that race over the wire all roles, and the other one its own', async () => {
    const place = await at();
    const both = await Promise.all(['ada', 'eve'].map((login) => register(place, person(login))));
    expect(both.every(arrived)).toBe(true);
    expect(place.provider().first()?.roles).toContain('ops');
  });

  it('wants the one-time code for the first account, and only for it', async () => {
    const place = await at({ firstCode: 'blue-otter-42' });
    const browser = openBrowser(place);
    const form = await begin(place, browser);
    expect(form.html).toContain('One-time code');
    for (const code of ['', 'blue-otter-41', 'blue-otter-422']) {
      const page = await browser.submit(form, person('ada', { code }));
      expect([page.status, codesIn(page)]).toEqual([400, ['WRONG_CODE']]);
    }
    expect(arrived(await browser.submit(form, person('ada', { code: ' blue-otter-42 ' })))).toBe(true);
    expect(arrived(await register(place, person('bob')))).toBe(true);
  });

  it('cannot be forced by trying codes: not even the right one passes after too many', async () => {
    const place = await at({ firstCode: 'blue-otter-42' });
    const browser = openBrowser(place);
    const form = await begin(place, browser);
    for (let tried = 0; tried < 10; tried++) await browser.submit(form, person('ada', { code: `guess ${tried}` }));
    const page = await browser.submit(form, person('ada', { code: 'blue-otter-42' }));
    expect([page.status, codesIn(page)]).toEqual([429, ['TOO_MANY_ATTEMPTS']]);
    expect(place.provider().first()).toBeUndefined();
    place.pass(5 * 60_000);
    expect(arrived(await browser.submit(form, person('ada', { code: 'blue-otter-42' })))).toBe(true);
  });
});

describe('sign-in', () => {
  it('answers a wrong password and a wrong name alike, and keeps the name', async () => {
    const place = await at();
    await register(place, person('ada'));
    const [wrong, nobody] = [
      await signIn(place, 'ada', 'not her password'),
      await signIn(place, 'eve', 'whatever it is'),
    ];
    for (const page of [wrong, nobody]) expect([page.status, codesIn(page)]).toEqual([401, ['WRONG_PASSWORD']]);
    expect(wrong.html).toContain('value="ada"');
    const neutral = ({ html }: Page): string => html.replaceAll(/interaction\/[\w-]+|value="\w+"/g, '');
    expect(neutral(wrong)).toBe(neutral(nobody));
    expect(arrived(await signIn(place, 'ADA', 'correct horse battery'))).toBe(true);
  });

  it('stops guessing at one name, even all at once, and nobody else', async () => {
    const place = await at();
    await register(place, person('ada'));
    await register(place, person('bob'));
    const guesses = Array.from({ length: 14 }, (_, nth) => signIn(place, nth % 2 ? 'ada' : 'Ada', `guess ${nth}`));
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    const blocked = await signIn(place, 'ada', 'correct horse battery');
    expect([blocked.status, codesIn(blocked)]).toEqual([429, ['TOO_MANY_ATTEMPTS']]);
    expect(blocked.html).toContain('Try again in 5 minutes.');
    expect(arrived(await signIn(place, 'bob', 'correct horse battery'))).toBe(true);
    place.pass(5 * 60_000);
    expect(arrived(await signIn(place, 'ada', 'correct horse battery'))).toBe(true);
  });

  it('stops one address that goes through many names, and forgives it no guess for its own right password', async () => {
    const place = await at();
    await register(place, person('eve'));
    for (let nth = 0; nth < 50; nth++) {
      await signIn(place, `name-${nth}`, 'guess');
      if (nth % 10 === 0) await signIn(place, 'eve', 'correct horse battery');
    }
    expect((await signIn(place, 'name-50', 'guess')).status).toBe(429);
  });

  it('never blocks whoever knows their password, however often they sign in', async () => {
    const place = await at();
    await register(place, person('ada'));
    for (let nth = 0; nth < 12; nth++) expect(arrived(await signIn(place, 'ada', 'correct horse battery'))).toBe(true);
  });

  it('belongs to one browser: without its cookie nothing is shown or done', async () => {
    const place = await at();
    await register(place, person('ada'));
    const victim = openBrowser(place);
    const form = await begin(place, victim);
    const forged = await openBrowser(place).submit(form, person('ada'));
    expect([forged.status, codesIn(forged)]).toEqual([400, ['SIGN_IN_ENDED']]);
    victim.forget(/interaction/);
    expect(codesIn(await victim.submit(form, person('ada')))).toEqual(['SIGN_IN_ENDED']);
    victim.forget(/./);
    expect(codesIn(await victim.open(form.url.href.replace('interaction', 'auth')))).toEqual(['SIGN_IN_ENDED']);
  });

  it('links to registration and back within the same sign-in', async () => {
    const place = await at();
    await register(place, person('ada'));
    const browser = openBrowser(place);
    const form = await begin(place, browser);
    const there = await browser.open(`${form.url.href}?screen=register`);
    expect(there.html).toContain('Create your account');
    expect(there.html).toContain(`${form.url.pathname}?screen=login`);
    expect(arrived(await browser.submit(there, person('bob')))).toBe(true);
  });
});

describe('every page', () => {
  const policy = /default-src 'none'.*style-src 'self';.*frame-ancestors 'none'/;

  it('comes with the security headers and without a style or script of its own', async () => {
    const place = await at();
    const browser = openBrowser(place);
    const pages = [
      await begin(place, browser),
      await register(place, person('x')),
      await browser.open('/oidc/auth?client_id=nobody'),
      await browser.open('/oidc/session/end/success'),
      await browser.open('/oidc/nowhere'),
      await browser.open('/oidc/interaction/nobody'),
    ];
    for (const { html, headers, url } of pages) {
      expect([url.pathname, headers.get('content-security-policy')]).toEqual([
        url.pathname,
        expect.stringMatching(policy),
      ]);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(html).toContain('<link rel="stylesheet" href="/oidc/style.css"');
      expect(html).not.toMatch(/<style|style=|<script|\son\w+=/);
    }
    for (const { headers } of pages.slice(0, 2)) expect(headers.get('cache-control')).toBe('no-store');
    const style = await browser.open('/oidc/style.css');
    expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
  });

  it('sends cookies that scripts cannot read, and that stay under one path', async () => {
    const place = await at();
    const bare = await fetch(authUrl(place), { redirect: 'manual' });
    const cookies = bare.headers.getSetCookie();
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^verbatim_\w+\d+(\.sig)?=.*path=\/oidc.*samesite=lax; httponly/i);
      expect(cookie).not.toMatch(/secure/i);
    }
  });

  it('follows from the public address alone behind a proxy, whatever the proxy says', async () => {
    const place = await at({ publicUrl: 'https://chat.example.org' });
    const response = await fetch(authUrl(place, { redirect_uri: 'https://chat.example.org/auth/callback' }), {
      redirect: 'manual',
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
    });
    expect(response.headers.getSetCookie().length).toBeGreaterThan(0);
    for (const cookie of response.headers.getSetCookie()) expect(cookie).toMatch(/secure/i);
    const metadata = await (await fetch(`${place.origin}/oidc/.well-known/openid-configuration`)).text();
    expect(metadata).toContain('"token_endpoint":"https://chat.example.org/oidc/token"');
    expect(metadata).not.toContain('localhost');
  });

  it('is not given for a body that no form of ours sends', async () => {
    const place = await at();
    const browser = openBrowser(place);
    const form = await begin(place, browser);
    const page = await browser.submit(form, person('ada', { name: 'x'.repeat(100_000) }));
    expect([page.status, codesIn(page)]).toEqual([413, ['FORM_TOO_LARGE']]);
    expect(arrived(await browser.submit(form, person('ada')))).toBe(true);
  });

  it('says that it is our fault when it is, and the operator hears why', async () => {
    const place = await at();
    const browser = openBrowser(place);
    const form = await begin(place, browser);
    place.provider().close();
    const page = await browser.submit(form, person('ada'));
    expect([page.status, codesIn(page)]).toEqual([500, ['INTERNAL']]);
    const other = await begin(place, openBrowser(place));
    expect([other.status, codesIn(other)]).toEqual([500, ['SERVER_ERROR']]);
    expect(place.failures).toHaveLength(2);
  });
});
