import { useLocation, useNavigate } from '@solidjs/router';
import Pencil from 'lucide-solid/icons/pencil';
import Trash from 'lucide-solid/icons/trash';
import { type JSX, Show, createSignal } from 'solid-js';
import { Question } from '../parts/Question.js';
import type { Conversation, Inbox } from '../state/inbox.js';
import { useShell } from './shell-context.js';

/** One conversation in the sidebar: opens, renames in place, deletes after a question. */
export function Item(props: { conversation: Conversation; inbox: Inbox }): JSX.Element {
  const location = useLocation();
  const navigate = useNavigate();
  const { tell } = useShell();
  const [editing, setEditing] = createSignal(false);
  const [asking, setAsking] = createSignal(false);
  const [fault, setFault] = createSignal<string>();

  const path = (): string => `/c/${props.conversation.id.replace('conversation_', '')}`;
  const current = (): boolean => location.pathname === path();
  const title = (): string => props.conversation.title ?? 'Untitled';

  const rename = async (to: string): Promise<void> => {
    if (!editing()) return;
    setEditing(false);
    if (to.trim() === '' || to === props.conversation.title) return;
    const reason = await props.inbox.rename(props.conversation.id, to.trim()).catch(() => 'It could not be renamed.');
    if (reason !== undefined) tell(reason);
  };
  const remove = async (): Promise<void> => {
    const reason = await props.inbox.remove(props.conversation.id).catch(() => 'The server cannot be reached.');
    setFault(reason);
    if (reason !== undefined) return;
    setAsking(false);
    if (current()) navigate('/');
  };

  return (
    <li class="group relative">
      <Show
        when={!editing()}
        fallback={<Rename title={title()} onDone={(to) => void rename(to)} onCancel={() => setEditing(false)} />}
      >
        <a
          href={path()}
          title={title()}
          aria-current={current() ? 'page' : undefined}
          class="flex h-9 items-center gap-2 rounded-lg px-2.5 text-sm group-focus-within:bg-hover group-focus-within:pr-17 group-hover:bg-hover group-hover:pr-17 pointer-coarse:h-11 pointer-coarse:pr-21"
          classList={{ 'bg-hover': current() }}
        >
          <span class="truncate">{title()}</span>
          <Show when={props.conversation.unread > 0 && !current()}>
            <span class="ml-auto size-2 shrink-0 rounded-full bg-accent" role="img" aria-label="unread" />
          </Show>
        </a>
        <div class="absolute inset-y-0 right-1 flex items-center opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
          <button
            type="button"
            class="icon-button"
            aria-label={`Rename ${title()}`}
            title="Rename"
            onClick={() => setEditing(true)}
          >
            <Pencil size={15} aria-hidden="true" />
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label={`Delete ${title()}`}
            title="Delete"
            onClick={() => setAsking(true)}
          >
            <Trash size={15} aria-hidden="true" />
          </button>
        </div>
      </Show>
      <Show when={asking()}>
        <Question
          title="Delete this chat?"
          text={`“${title()}” will no longer be shown.`}
          action="Delete"
          fault={fault()}
          onYes={() => void remove()}
          onNo={() => setAsking(false)}
        />
      </Show>
    </li>
  );
}

function Rename(props: { title: string; onDone: (to: string) => void; onCancel: () => void }): JSX.Element {
  return (
    <input
      ref={(field) =>
        queueMicrotask(() => {
          field.focus();
          field.select();
        })
      }
      aria-label="Title"
      maxlength="200"
      value={props.title}
      class="h-9 w-full rounded-lg border border-accent bg-bg px-2.5 text-sm outline-none pointer-coarse:h-11"
      onBlur={(event) => props.onDone(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && !event.isComposing) props.onDone(event.currentTarget.value);
        if (event.key !== 'Escape') return;
        // Handled here: it neither stops a reply nor closes the drawer.
        event.preventDefault();
        props.onCancel();
      }}
    />
  );
}
