import type { JSX } from 'solid-js';

/** A page with one thing to say and one way on. */
export function Notice(props: { title: string; text: string; children: JSX.Element }): JSX.Element {
  return (
    <div class="grid h-full place-items-center p-6">
      <div class="max-w-sm text-center">
        <h1 class="text-2xl font-semibold tracking-tight">{props.title}</h1>
        <p class="mt-3 mb-6 text-muted">{props.text}</p>
        {props.children}
      </div>
    </div>
  );
}

export function NotFound(): JSX.Element {
  return (
    <Notice title="Nothing is here" text="This address leads nowhere, or to something that is not yours.">
      <a class="button button-primary" href="/">
        New chat
      </a>
    </Notice>
  );
}

export function Crash(props: { error: unknown }): JSX.Element {
  const offline = (): boolean => props.error instanceof TypeError && !('cause' in props.error && props.error.cause);
  return (
    <main class="h-full">
      <Notice
        title={offline() ? 'The server cannot be reached' : 'This page broke'}
        text={
          offline()
            ? 'Nothing is lost: what was saved is in the log. Try again in a moment.'
            : `Nothing is lost: what was saved is in the log. (${props.error instanceof Error ? props.error.message : String(props.error)})`
        }
      >
        <button type="button" class="button button-primary" onClick={() => location.reload()}>
          Reload
        </button>
      </Notice>
    </main>
  );
}
