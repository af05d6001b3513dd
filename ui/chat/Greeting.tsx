import { For, type JSX } from 'solid-js';

const suggestions: readonly (readonly [string, string])[] = [
  ['Explain', 'how an event log differs from a database table'],
  ['Write', 'a polite note to move a meeting to Thursday'],
  ['Show me', 'a debounce function in TypeScript, with a test'],
  ['Plan', 'a weekend in the mountains for two'],
];

/** What an empty chat shows: a greeting, and four ways to begin. */
export function Greeting(props: { name: string; onPick: (text: string) => void }): JSX.Element {
  return (
    <div class="mx-auto w-full max-w-[46rem] px-4">
      <h1 class="mb-6 text-center text-[28px] font-semibold tracking-tight">What is on your mind, {props.name}?</h1>
      <div class="mb-6 grid gap-2 sm:grid-cols-2">
        <For each={suggestions}>
          {([verb, rest]) => (
            <button
              type="button"
              class="rounded-xl border border-line px-4 py-3 text-left text-[15px] transition-colors hover:bg-raised"
              onClick={() => props.onPick(`${verb} ${rest}`)}
            >
              <span class="font-medium">{verb}</span> <span class="text-muted">{rest}</span>
            </button>
          )}
        </For>
      </div>
    </div>
  );
}
