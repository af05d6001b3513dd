import { For, type JSX } from 'solid-js';

const suggestions: readonly (readonly [string, string])[] = [
  ['Explain', 'how an event log differs from a database table'],
  ['Write', 'a polite note to move a meeting to Thursday'],
  ['Show me', 'a debounce function in TypeScript, with a test'],
  ['Plan', 'a weekend in the mountains for two'],
];

/** An empty chat: a greeting, where to write, and four ways to begin. */
export function Greeting(props: { name: string; onPick: (text: string) => void; children: JSX.Element }): JSX.Element {
  return (
    <div class="scroller flex h-full flex-col">
      <div class="m-auto w-full pt-4 pb-[10vh]">
        <h1 class="mb-7 px-4 text-center text-[28px] leading-9 font-semibold tracking-tight text-balance wrap-anywhere">
          What is on your mind, {props.name}?
        </h1>
        {props.children}
        <ul class="mx-auto mt-5 grid w-full max-w-[48rem] gap-2 px-4 sm:grid-cols-2" aria-label="Suggestions">
          <For each={suggestions}>
            {([verb, rest]) => (
              <li>
                <button type="button" class="suggestion" onClick={() => props.onPick(`${verb} ${rest}`)}>
                  <span class="font-medium">{verb}</span> <span class="text-muted">{rest}</span>
                </button>
              </li>
            )}
          </For>
        </ul>
      </div>
    </div>
  );
}
