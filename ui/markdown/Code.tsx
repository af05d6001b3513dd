import { type JSX, Show, createEffect, createSignal, onCleanup } from 'solid-js';
import { CopyButton } from '../parts/CopyButton.js';

const LARGEST = 50_000;
const SETTLED_MS = 120;

/** A block of code: its language, a copy button, and colours once it is whole and nothing else is to do. */
export function Code(props: { text: string; language: string; closed: boolean }): JSX.Element {
  const [coloured, setColoured] = createSignal<{ of: string; html: string }>();
  const name = (): string => props.language.split(/\s/)[0] ?? '';

  createEffect(() => {
    const { text, closed } = props;
    const language = name();
    if (!closed || language === '' || text.length > LARGEST) return;
    const timer = setTimeout(() => {
      import('./highlight.js')
        .then(({ highlight }) => highlight(text, language))
        .then((html) => {
          if (html !== undefined) setColoured({ of: text, html });
        })
        .catch(() => undefined); // Without colours it is still the code.
    }, SETTLED_MS);
    onCleanup(() => clearTimeout(timer));
  });

  return (
    <div class="code" role="group" aria-label={name() === '' ? 'Code' : `Code, ${name()}`}>
      <div class="code-bar">
        <span>{name() || 'text'}</span>
        <CopyButton text={props.text} label="Copy code" />
      </div>
      <pre tabindex="0">
        <Show when={coloured()?.of === props.text && coloured()} fallback={<code>{props.text}</code>}>
          {(found) => <code innerHTML={found().html} />}
        </Show>
      </pre>
    </div>
  );
}
