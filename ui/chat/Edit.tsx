import type { JSX } from 'solid-js';
import { sends } from './Composer.js';

/** One's own message, to be written anew: Enter sends it beside the old one, Escape leaves it. */
export function Edit(props: { text: string; onSave: (text: string) => void; onCancel: () => void }): JSX.Element {
  let field: HTMLTextAreaElement | undefined;
  return (
    <form
      class="mb-10 w-full rounded-3xl bg-raised p-4"
      onSubmit={(event) => {
        event.preventDefault();
        props.onSave(field?.value ?? '');
      }}
    >
      <textarea
        ref={(element) => {
          field = element;
          queueMicrotask(() => element.focus());
        }}
        aria-label="Edit message"
        class="scroller field-sizing-content max-h-80 w-full resize-none bg-transparent px-1 leading-7 outline-none"
        value={props.text}
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            // Handled here: it does not also stop a reply.
            event.preventDefault();
            props.onCancel();
          } else if (sends(event)) {
            event.preventDefault();
            props.onSave(event.currentTarget.value);
          }
        }}
      />
      <div class="mt-2 flex justify-end gap-2">
        <button type="button" class="button button-quiet" onClick={() => props.onCancel()}>
          Cancel
        </button>
        <button type="submit" class="button button-primary">
          Send
        </button>
      </div>
    </form>
  );
}
