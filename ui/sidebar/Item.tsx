import { useLocation, useNavigate } from '@solidjs/router';
import Pencil from 'lucide-solid/icons/pencil';
import Trash from 'lucide-solid/icons/trash';
import { type JSX, Show, createSignal } from 'solid-js';
import type { Sidebar } from '../state/inbox.js';
import type { Conversation } from '../state/thread.js';

/** One conversation in the sidebar: opens, renames in place, deletes after a question. */
export function Item(props: { conversation: Conversation; inbox: Sidebar }): JSX.Element {
  const location = useLocation();
  const navigate = useNavigate();
  const [editing, setEditing] = createSignal(false);
  const [fault, setFault] = createSignal<string>();
  let question: HTMLDialogElement | undefined;

  const path = (): string => `/c/${props.conversation.id.replace('conversation_', '')}`;
  const current = (): boolean => location.pathname === path();
  const title = (): string => props.conversation.title ?? 'Untitled';

  const rename = async (to: string): Promise<void> => {
    if (!editing()) return;
    setEditing(false);
    if (to.trim() === '' || to === props.conversation.title) return;
    setFault(await props.inbox.rename(props.conversation.id, to.trim()).catch(() => 'It could not be renamed.'));
  };
  const remove = async (): Promise<void> => {
    const message = await props.inbox.remove(props.conversation.id).catch(() => 'It could not be deleted.');
    if (message !== undefined) setFault(message);
    else question?.close();
    if (message === undefined && current()) navigate('/');
  };

  return (
    <li class="group relative">
      <Show
        when={!editing()}
        fallback={
          <input
            ref={(field) =>
              queueMicrotask(() => {
                field.focus();
                field.select();
              })
            }
            aria-label="Title"
            maxlength="200"
            value={title()}
            class="h-9 w-full rounded-lg border border-accent bg-bg px-2 text-sm outline-none"
            onBlur={(event) => void rename(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') void rename(event.currentTarget.value);
              if (event.key === 'Escape') setEditing(false);
            }}
          />
        }
      >
        <a
          href={path()}
          title={title()}
          aria-current={current() ? 'page' : undefined}
          class="flex h-9 items-center gap-2 rounded-lg px-2.5 text-sm transition-colors group-focus-within:pr-17 group-hover:bg-hover group-hover:pr-17"
          classList={{ 'bg-hover font-medium': current() }}
        >
          <span class="truncate">{title()}</span>
          <Show when={props.conversation.unread > 0 && !current()}>
            <span class="ml-auto size-2 shrink-0 rounded-full bg-accent" role="img" aria-label="unread" />
          </Show>
        </a>
        <div class="absolute inset-y-0.5 right-1 flex opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
          <button type="button" class="icon-button" aria-label={`Rename ${title()}`} onClick={() => setEditing(true)}>
            <Pencil size={15} aria-hidden="true" />
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label={`Delete ${title()}`}
            onClick={() => question?.showModal()}
          >
            <Trash size={15} aria-hidden="true" />
          </button>
        </div>
      </Show>
      <dialog
        ref={question}
        aria-labelledby={`delete-${props.conversation.id}`}
        class="m-auto w-[min(400px,90vw)] rounded-2xl border border-line bg-bg p-6 text-fg"
      >
        <h2 id={`delete-${props.conversation.id}`} class="text-lg font-semibold">
          Delete this chat?
        </h2>
        <p class="mt-2 mb-5 text-[15px] text-muted">“{title()}” will no longer be shown to you or to anybody else.</p>
        <Show when={fault()}>
          <p class="mb-4 text-sm text-danger" role="alert">
            {fault()}
          </p>
        </Show>
        <div class="flex justify-end gap-2">
          <button type="button" class="button button-quiet" autofocus onClick={() => question?.close()}>
            Cancel
          </button>
          <button type="button" class="button button-danger" onClick={() => void remove()}>
            Delete
          </button>
        </div>
      </dialog>
    </li>
  );
}
