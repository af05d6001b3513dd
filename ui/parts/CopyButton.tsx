import Check from 'lucide-solid/icons/check';
import Copy from 'lucide-solid/icons/copy';
import { type JSX, Show, createSignal } from 'solid-js';

/** Copies a text, and says so for a moment. */
export function CopyButton(props: { text: string; label: string }): JSX.Element {
  const [copied, setCopied] = createSignal(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(props.text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_600);
  };
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={copied() ? 'Copied' : props.label}
      title={copied() ? 'Copied' : props.label}
      onClick={() => void copy()}
    >
      <Show when={copied()} fallback={<Copy size={16} aria-hidden="true" />}>
        <Check size={16} aria-hidden="true" />
      </Show>
    </button>
  );
}
