import { type JSX, onCleanup, onMount } from 'solid-js';

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

const LOOK_MS = 3_000;

/** What browsers say of a server that does not answer; none of them has a type for it. */
const isAway = (error: unknown): boolean =>
  error instanceof TypeError && /fetch|network|load failed/i.test(error.message);

/** What is left when nothing else can be shown. It goes away by itself where only the server was away. */
export function Crash(props: { error: unknown }): JSX.Element {
  const away = (): boolean => isAway(props.error);
  onMount(() => {
    if (!away()) return;
    const timer = setInterval(() => {
      fetch('/healthz')
        .then(({ ok }) => ok && location.reload())
        .catch(() => undefined);
    }, LOOK_MS);
    onCleanup(() => clearInterval(timer));
  });
  const reason = (): string => (props.error instanceof Error ? props.error.message : String(props.error));
  return (
    <main class="h-full">
      <Notice
        title={away() ? 'The server cannot be reached' : 'This page broke'}
        text={`Nothing is lost: what was saved is in the log. ${away() ? 'Trying again …' : `(${reason()})`}`}
      >
        <button type="button" class="button button-primary" onClick={() => location.reload()}>
          Reload
        </button>
      </Notice>
    </main>
  );
}
