import { For, type JSX, Show, createResource, createSignal, onCleanup } from 'solid-js';
import { explore } from '../gql/client.js';
import { useShell } from '../sidebar/shell-context.js';
import { type Field, INTROSPECTION, type Operation, type Schema, firstDocument, operationsOf } from './schema.js';

const FIRST = `{
  viewer {
    user { id name }
    conversations(first: 5) {
      nodes { id title unread }
    }
  }
}
`;

const titles: Readonly<Record<Operation, string>> = {
  query: 'Queries',
  mutation: 'Mutations',
  subscription: 'Subscriptions',
};

/** How many results of a subscription are kept on the screen. */
const KEPT = 50;

/** Reads the schema. Rejects with what the server says where it may not be read. */
const readSchema = (): Promise<Schema> =>
  new Promise((resolve, reject) => {
    let answer: unknown;
    explore(
      INTROSPECTION,
      {},
      (result) => (answer = result),
      () => {
        if (isSchema(answer)) resolve(answer.data.schema);
        else reject(new Error(`This server does not tell its schema. It says: ${refusalIn(answer)}`));
      },
    );
  });

const isSchema = (answer: unknown): answer is { readonly data: { readonly schema: Schema } } =>
  typeof answer === 'object' &&
  answer !== null &&
  'data' in answer &&
  typeof answer.data === 'object' &&
  answer.data !== null &&
  'schema' in answer.data;

const refusalIn = (answer: unknown): string => {
  const errors = typeof answer === 'object' && answer !== null && 'errors' in answer ? answer.errors : [];
  const [error]: unknown[] = Array.isArray(errors) ? errors : [];
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : 'nothing.';
};

/** The object in a text, or what is wrong with it. */
function variablesIn(text: string): Record<string, unknown> | string {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
    return 'Variables are an object: { "name": value }.';
  } catch (error) {
    return `The variables are no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A page to try GraphQL, as whoever is signed in. Every operation goes over the socket of the page. */
export default function Explorer(): JSX.Element {
  const { setTitle } = useShell();
  setTitle('GraphQL explorer');
  const [schema] = createResource(readSchema);
  const [text, setText] = createSignal(FIRST);
  const [variables, setVariables] = createSignal('');
  const [results, setResults] = createSignal<readonly string[]>([]);
  const [leave, setLeave] = createSignal<() => void>();
  const stop = (): void => {
    leave()?.();
    setLeave(undefined);
  };
  onCleanup(stop);

  const run = (): void => {
    stop();
    const given = variablesIn(variables());
    if (typeof given === 'string') {
      setResults([given]);
      return;
    }
    setResults([]);
    let over = false;
    const end = explore(
      text(),
      given,
      (result) => setResults((before) => [...before, JSON.stringify(result, null, 2)].slice(-KEPT)),
      () => {
        over = true;
        setLeave(undefined);
      },
    );
    if (!over) setLeave(() => end);
  };
  const onKeys = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  };
  const pick = (known: Schema, kind: Operation, field: Field): void => {
    const first = firstDocument(known, kind, field);
    setText(first.text);
    setVariables(first.variables === '{}' ? '' : first.variables);
  };

  const box = 'w-full resize-none rounded-xl border border-line bg-bg p-3 font-mono text-[13px] leading-5';
  return (
    <div class="flex h-full min-h-0 flex-col gap-3 px-4 pb-4 lg:flex-row">
      <nav aria-label="Operations" class="max-h-40 shrink-0 overflow-y-auto lg:max-h-none lg:w-56">
        <Show when={!schema.error} fallback={<p class="text-sm text-muted">{String(schema.error?.message)}</p>}>
          <Show when={schema()}>
            {(known) => (
              <For each={operationsOf(known())}>
                {([kind, fields]) => (
                  <section>
                    <h2 class="mt-2 mb-1 text-[13px] font-semibold text-muted">{titles[kind]}</h2>
                    <For each={fields}>
                      {(field) => (
                        <button
                          type="button"
                          class="block w-full truncate rounded-md px-1.5 py-0.5 text-left font-mono text-[13px] hover:bg-hover"
                          title={field.description ?? ''}
                          onClick={() => pick(known(), kind, field)}
                        >
                          {field.name}
                        </button>
                      )}
                    </For>
                  </section>
                )}
              </For>
            )}
          </Show>
        </Show>
      </nav>
      <section class="flex min-h-0 min-w-0 flex-1 flex-col gap-3" aria-label="Operation">
        <textarea
          class={`${box} min-h-32 flex-[3]`}
          aria-label="Document"
          spellcheck={false}
          value={text()}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
          onKeyDown={onKeys}
        />
        <textarea
          class={`${box} min-h-16 flex-1`}
          aria-label="Variables"
          placeholder="Variables, as JSON"
          spellcheck={false}
          value={variables()}
          onInput={({ currentTarget }) => setVariables(currentTarget.value)}
          onKeyDown={onKeys}
        />
        <div class="flex gap-2">
          <button type="button" class="button button-primary" title="Ctrl+Enter" onClick={run}>
            Run
          </button>
          <Show when={leave()}>
            <button type="button" class="button button-quiet" onClick={stop}>
              Stop
            </button>
          </Show>
        </div>
      </section>
      <section
        class="min-h-32 min-w-0 flex-1 overflow-auto rounded-xl border border-line p-3"
        aria-label="Result"
        aria-live="polite"
        // A region that scrolls is reached by keyboard, too.
        tabindex="0"
      >
        <For each={results()} fallback={<p class="text-sm text-muted">Results come here.</p>}>
          {(result) => (
            <pre class="mb-3 font-mono text-[13px] leading-5 whitespace-pre-wrap wrap-anywhere">{result}</pre>
          )}
        </For>
      </section>
    </div>
  );
}
