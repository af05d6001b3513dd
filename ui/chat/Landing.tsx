import type { JSX } from 'solid-js';
import { register, signIn } from '../auth/session.js';

/** What people see who are not signed in. */
export function Landing(): JSX.Element {
  return (
    <main class="landing scroller">
      <div class="m-auto grid w-full max-w-5xl items-center gap-14 px-6 py-12 md:grid-cols-[1fr_26rem]">
        <div class="max-md:text-center">
          <p class="mb-8 flex items-center gap-3 text-lg font-semibold tracking-tight max-md:justify-center">
            <img src="/favicon.svg" alt="" width="36" height="36" />
            Verbatim
          </p>
          <h1 class="text-[40px] leading-[1.08] font-semibold tracking-[-0.025em] text-balance sm:text-[54px]">
            A chat that never loses a word.
          </h1>
          <p class="mt-5 mb-9 max-w-md text-lg text-muted text-pretty max-md:mx-auto">
            What you were told is saved is saved: through a reload, a lost connection, or a server that falls over in
            mid-sentence.
          </p>
          <div class="flex flex-col gap-3 sm:flex-row max-md:justify-center">
            <button type="button" class="button button-primary min-h-12 px-7" onClick={() => void signIn()}>
              Sign in
            </button>
            <button type="button" class="button button-quiet min-h-12 px-7" onClick={() => void register()}>
              Create account
            </button>
          </div>
        </div>
        <Preview />
      </div>
    </main>
  );
}

/** A glimpse of what is behind the door. */
function Preview(): JSX.Element {
  return (
    <div class="preview max-md:hidden" aria-hidden="true">
      <p class="bubble ml-auto text-[15px]">Where does my message go?</p>
      <div class="prose mt-5 text-[15px]">
        <p>
          Into a <strong>log</strong>, sealed, before you are told that it was sent. Everything you see is made from
          that log:
        </p>
        <ul>
          <li>the list on the left,</li>
          <li>this thread, in every tab,</li>
          <li>and this sentence, as it is being</li>
        </ul>
      </div>
      <div class="composer mt-6">
        <span class="flex-1 py-2 leading-6 text-faint">Write a message</span>
        <span class="round-button">
          <span class="size-3 rounded-[3px] bg-bg" />
        </span>
      </div>
    </div>
  );
}
