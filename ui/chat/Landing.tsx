import type { JSX } from 'solid-js';
import { register, signIn } from '../auth/session.js';

/** What people see who are not signed in. */
export function Landing(): JSX.Element {
  return (
    <main class="grid h-full place-items-center bg-side p-6">
      <div class="w-full max-w-md text-center">
        <img src="/favicon.svg" alt="" width="56" height="56" class="mx-auto mb-6" />
        <h1 class="text-4xl font-semibold tracking-tight">Verbatim</h1>
        <p class="mt-3 mb-8 text-lg text-muted">A chat that never loses a word.</p>
        <div class="flex flex-col justify-center gap-3 sm:flex-row">
          <button type="button" class="button button-primary" onClick={() => void signIn()}>
            Sign in
          </button>
          <button type="button" class="button button-quiet bg-bg" onClick={() => void register()}>
            Create account
          </button>
        </div>
      </div>
    </main>
  );
}
