import LogOut from 'lucide-solid/icons/log-out';
import Monitor from 'lucide-solid/icons/monitor';
import Moon from 'lucide-solid/icons/moon';
import PanelLeft from 'lucide-solid/icons/panel-left';
import SquarePen from 'lucide-solid/icons/square-pen';
import Sun from 'lucide-solid/icons/sun';
import { For, type JSX, Show, createMemo, createSignal } from 'solid-js';
import { Dynamic } from 'solid-js/web';
import { signOut } from '../auth/session.js';
import type { Inbox } from '../state/inbox.js';
import { Item } from './Item.js';
import { groupByTime } from './groups.js';
import { nextTheme, theme } from './theme.js';

const icons = { system: Monitor, light: Sun, dark: Moon };

/** The list of conversations, and at its foot who is signed in. */
export function Sidebar(props: { inbox: Inbox; name: string; onToggle: () => void }): JSX.Element {
  const byId = createMemo(() => new Map(props.inbox.conversations().map((row) => [row.id, row])));
  const groups = createMemo(() => groupByTime(props.inbox.conversations(), new Date()));
  const [loading, setLoading] = createSignal(false);
  const more = async (): Promise<void> => {
    setLoading(true);
    await props.inbox.loadMore().catch(() => undefined);
    setLoading(false);
  };

  return (
    <div class="flex h-full flex-col">
      <div class="flex h-13 shrink-0 items-center justify-between pr-2.5 pl-4">
        <a href="/" class="flex items-center gap-2.5 font-semibold tracking-tight">
          <img src="/favicon.svg" alt="" width="24" height="24" />
          Verbatim
        </a>
        <button
          type="button"
          class="icon-button"
          aria-label="Hide conversations"
          title="Hide (Ctrl+Shift+S)"
          onClick={() => props.onToggle()}
        >
          <PanelLeft size={18} aria-hidden="true" />
        </button>
      </div>
      <a
        href="/"
        class="mx-2 flex h-10 items-center gap-2.5 rounded-lg px-2.5 text-[15px] font-medium transition-colors hover:bg-hover"
        title="New chat (Ctrl+Shift+O)"
      >
        <SquarePen size={18} aria-hidden="true" />
        New chat
      </a>
      <nav aria-label="Conversations" class="scroller mt-2 min-h-0 flex-1 pb-4 pl-2">
        <Show when={props.inbox.loaded() && props.inbox.conversations().length === 0}>
          <p class="px-2.5 py-3 text-sm text-muted">Your chats will be listed here.</p>
        </Show>
        <For each={groups().map(({ name }) => name)}>
          {(name) => (
            <section class="mt-4 first:mt-2">
              <h2 class="px-2.5 pb-1 text-xs font-medium text-muted">{name}</h2>
              <ul>
                <For
                  each={groups()
                    .find((group) => group.name === name)
                    ?.conversations.map(({ id }) => id)}
                >
                  {(id) => (
                    <Show when={byId().get(id)}>{(found) => <Item conversation={found()} inbox={props.inbox} />}</Show>
                  )}
                </For>
              </ul>
            </section>
          )}
        </For>
        <Show when={props.inbox.more()}>
          <button
            type="button"
            class="mt-3 w-full rounded-lg py-2 text-sm text-muted hover:bg-hover"
            disabled={loading()}
            onClick={() => void more()}
          >
            {loading() ? 'Loading …' : 'Show more'}
          </button>
        </Show>
      </nav>
      <div class="flex items-center gap-1 border-t border-line py-2.5 pr-2.5 pl-3">
        <span
          class="mr-1.5 grid size-8 shrink-0 place-items-center rounded-full bg-accent text-sm font-semibold text-bg"
          aria-hidden="true"
        >
          {Array.from(props.name)[0]?.toUpperCase()}
        </span>
        <span class="min-w-0 flex-1 truncate text-sm font-medium" title={props.name}>
          {props.name}
        </span>
        <button
          type="button"
          class="icon-button"
          aria-label={`Theme: ${theme()}`}
          title={`Theme: ${theme()}`}
          onClick={nextTheme}
        >
          <Dynamic component={icons[theme()]} size={17} aria-hidden="true" />
        </button>
        <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" onClick={() => void signOut()}>
          <LogOut size={17} aria-hidden="true" />
        </button>
      </div>
    </div>
  );
}
