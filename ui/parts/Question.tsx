import { type JSX, Show, createUniqueId } from 'solid-js';

/** Asks before something is done that cannot be taken back. It is there as long as it is asked. */
export function Question(props: {
  title: string;
  text: string;
  action: string;
  fault: string | undefined;
  onYes: () => void;
  onNo: () => void;
}): JSX.Element {
  const id = createUniqueId();
  return (
    <dialog
      ref={(dialog) => queueMicrotask(() => dialog.showModal())}
      class="question"
      aria-labelledby={id}
      onClose={() => props.onNo()}
      onClick={(event) => event.target === event.currentTarget && props.onNo()}
    >
      <h2 id={id} class="text-lg font-semibold tracking-tight">
        {props.title}
      </h2>
      <p class="mt-2 mb-6 text-[15px] text-muted wrap-anywhere">{props.text}</p>
      <Show when={props.fault}>
        <p class="mb-4 text-sm text-danger" role="alert">
          {props.fault}
        </p>
      </Show>
      <div class="flex justify-end gap-2">
        <button type="button" class="button button-quiet" autofocus onClick={() => props.onNo()}>
          Cancel
        </button>
        <button type="button" class="button button-danger" onClick={() => props.onYes()}>
          {props.action}
        </button>
      </div>
    </dialog>
  );
}
