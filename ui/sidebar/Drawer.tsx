import { type JSX, createEffect } from 'solid-js';

/** A sheet from the left, above the page. A dialog of the browser: it holds the focus, and Escape closes it. */
export function Drawer(props: { open: boolean; onClose: () => void; children: JSX.Element }): JSX.Element {
  let sheet: HTMLDialogElement | undefined;
  createEffect(() => {
    if (props.open) sheet?.showModal();
    else sheet?.close();
  });
  return (
    <dialog
      ref={(dialog) => {
        sheet = dialog;
      }}
      class="drawer"
      aria-label="Conversations"
      onClose={() => props.onClose()}
      onClick={(event) => {
        // The backdrop belongs to the dialog itself, and a link to where one goes.
        const { target } = event;
        if (target === sheet || (target instanceof Element && target.closest('a'))) props.onClose();
      }}
    >
      <div class="h-full">{props.children}</div>
    </dialog>
  );
}
