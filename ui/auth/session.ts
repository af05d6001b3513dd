import { createSignal } from 'solid-js';
import { NotSignedIn, type Tokens, completeSignIn, leaveToSignIn, leaveToSignOut, refreshTokens } from './oidc.js';

export type Status = 'starting' | 'out' | 'in';

/** A token is renewed this long before it ends, in ms. */
const EARLY = 30_000;
const KEPT = 'verbatim.session';
const SIGNED_OUT = 'verbatim.signed-out';

/** What survives a reload of this tab: nothing that opens the API by itself. */
type Kept = { readonly refresh: string; readonly id: string | undefined; readonly subject: string | undefined };

type Word =
  | { readonly type: 'token'; readonly access: string; readonly expires: number; readonly subject: string | undefined }
  | { readonly type: 'out' };

const [status, setStatus] = createSignal<Status>('starting');
export { status };

let access: { token: string; expires: number } | undefined;
const tabs = new BroadcastChannel('verbatim.session');

const kept = (): Kept | undefined => {
  const stored = sessionStorage.getItem(KEPT);
  return stored === null ? undefined : JSON.parse(stored);
};

function take(tokens: Tokens): void {
  const before = kept();
  const refresh = tokens.refresh ?? before?.refresh;
  const subject = tokens.subject ?? before?.subject;
  if (refresh !== undefined) {
    sessionStorage.setItem(KEPT, JSON.stringify({ refresh, id: tokens.id ?? before?.id, subject } satisfies Kept));
  }
  access = { token: tokens.access, expires: tokens.expires };
  tabs.postMessage({ type: 'token', access: tokens.access, expires: tokens.expires, subject } satisfies Word);
  setStatus('in');
}

/** When the access token in use ends, in ms since 1970; undefined where there is none. */
export const tokenEnds = (): number | undefined => access?.expires;

/** The session is over on the server's side, wherever it was ended: nothing of it opens anything any more. */
export function ended(): void {
  if (status() === 'in') forget();
}

/** Everything of this person goes, drafts too. */
function forget(): void {
  access = undefined;
  sessionStorage.clear();
  sessionStorage.setItem(SIGNED_OUT, '1');
  setStatus('out');
}

tabs.addEventListener('message', ({ data }: MessageEvent<Word>) => {
  if (data.type === 'out') return forget();
  // Another tab has refreshed for all of the same person.
  if (status() === 'in' && data.subject === kept()?.subject) access = { token: data.access, expires: data.expires };
});

const fresh = (): string | undefined => (access && access.expires - EARLY > Date.now() ? access.token : undefined);

/** Refreshes, one tab at a time: whoever waited finds what the other one brought. */
const refresh = (stale: string | undefined): Promise<string> =>
  navigator.locks.request('verbatim.refresh', async () => {
    const found = fresh();
    if (found !== undefined && found !== stale) return found;
    const session = kept();
    if (!session) throw new NotSignedIn('no session in this tab');
    take(await refreshTokens(session.refresh));
    return access?.token ?? '';
  });

/**
 * An access token that is good for a while. `stale` is one that was just refused. Where the session cannot be renewed
 * from here, the provider is asked without a page (prompt=none): whoever is still signed in there notices nothing.
 */
export async function token(stale?: string): Promise<string> {
  const found = fresh();
  if (found !== undefined && found !== stale) return found;
  try {
    return await refresh(stale);
  } catch (error) {
    // Where the network is away, the session may well be good.
    if (error instanceof NotSignedIn && status() !== 'out') return leaveToSignIn('none', here());
    throw error;
  }
}

const here = (): string => location.pathname + location.search;

/** Finds out who is here, when the page opens. Returns the path to show. */
export async function start(): Promise<string> {
  if (location.pathname === '/auth/callback') {
    try {
      const { tokens, returnTo } = await completeSignIn();
      take(tokens);
      return returnTo;
    } catch (error) {
      if (!(error instanceof NotSignedIn)) throw error;
      sessionStorage.setItem(SIGNED_OUT, '1');
      setStatus('out');
      return error.returnTo;
    }
  }
  if (kept()) {
    try {
      await refresh(undefined);
      return here();
    } catch (error) {
      if (!(error instanceof NotSignedIn)) throw error;
      sessionStorage.removeItem(KEPT);
    }
  }
  // Asked once per tab without a page; whoever is not signed in anywhere is not sent round in circles.
  if (sessionStorage.getItem(SIGNED_OUT) === null) return leaveToSignIn('none', here());
  sessionStorage.removeItem(SIGNED_OUT);
  setStatus('out');
  return here();
}

export const signIn = (): Promise<never> => leaveToSignIn('login', here());
export const register = (): Promise<never> => leaveToSignIn('create', here());

/** Signs out here, in all tabs, and at the provider. */
export async function signOut(): Promise<void> {
  const { id } = kept() ?? {};
  tabs.postMessage({ type: 'out' } satisfies Word);
  forget();
  await leaveToSignOut(id);
}
