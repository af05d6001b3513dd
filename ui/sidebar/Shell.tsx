import { type RouteSectionProps, useLocation, useNavigate } from '@solidjs/router';
import PanelLeft from 'lucide-solid/icons/panel-left';
import SquarePen from 'lucide-solid/icons/square-pen';
import { type JSX, Show, createEffect, createResource, createSignal, onCleanup } from 'solid-js';
import { connected, request } from '../gql/client.js';
import { ViewerQuery } from '../gql/operations.js';
import { Crash } from '../parts/Notice.js';
import { createToast } from '../parts/Toast.js';
import { openInbox } from '../state/inbox.js';
import { Drawer } from './Drawer.js';
import { Sidebar } from './Sidebar.js';
import { Context } from './shell-context.js';

const NARROW = '(max-width: 767px)';
const COLLAPSED = 'verbatim.sidebar';

/** The frame of every page: the sidebar, which is a drawer on a narrow screen, and beside it the page. */
export function Shell(props: RouteSectionProps): JSX.Element {
  const [data] = createResource(() => request(ViewerQuery, {}));
  const inbox = openInbox();
  const navigate = useNavigate();
  const location = useLocation();
  const { tell, Toast } = createToast(connected);
  const narrow = matchMedia(NARROW);
  const [isNarrow, setNarrow] = createSignal(narrow.matches);
  const [drawer, setDrawer] = createSignal(false);
  const [collapsed, setCollapsed] = createSignal(localStorage.getItem(COLLAPSED) === 'collapsed');
  const [title, setTitle] = createSignal('');

  const unread = (): boolean => inbox.conversations().some((conversation) => conversation.unread > 0);
  createEffect(() => {
    document.title = `${unread() ? '• ' : ''}${title() === '' ? '' : `${title()} · `}Verbatim`;
  });
  createEffect(() => localStorage.setItem(COLLAPSED, collapsed() ? 'collapsed' : 'open'));
  createEffect(() => {
    if (location.pathname) setDrawer(false);
  });

  const toggle = (): void => {
    if (isNarrow()) setDrawer((open) => !open);
    else setCollapsed((is) => !is);
  };
  const resized = (): void => {
    setNarrow(narrow.matches);
    setDrawer(false);
  };
  narrow.addEventListener('change', resized);
  const onKeys = (event: KeyboardEvent): void => {
    if (!(event.ctrlKey || event.metaKey) || !event.shiftKey) return;
    const key = event.key.toLowerCase();
    if (key !== 'o' && key !== 's') return;
    event.preventDefault();
    if (key === 'o') navigate('/');
    else toggle();
  };
  document.addEventListener('keydown', onKeys);
  onCleanup(() => {
    narrow.removeEventListener('change', resized);
    document.removeEventListener('keydown', onKeys);
  });

  return (
    <Show when={!data.error} fallback={<Crash error={data.error} />}>
      <Show when={data()} fallback={<div class="shell-skeleton" aria-hidden="true" />}>
        {(loaded) => {
          const viewer = () => loaded().viewer;
          const sidebar = (): JSX.Element => <Sidebar inbox={inbox} name={viewer().user.name} onToggle={toggle} />;
          return (
            <Context.Provider value={{ viewer, setTitle, tell }}>
              <div class="flex h-full">
                <a href="#page" class="skip-link">
                  Skip to the chat
                </a>
                <Show
                  when={isNarrow()}
                  fallback={
                    <aside
                      aria-label="Sidebar"
                      class="side"
                      classList={{ 'side-closed': collapsed() }}
                      inert={collapsed()}
                    >
                      <div class="h-full w-[264px]">{sidebar()}</div>
                    </aside>
                  }
                >
                  <Drawer open={drawer()} onClose={() => setDrawer(false)}>
                    {sidebar()}
                  </Drawer>
                </Show>
                <main id="page" tabindex="-1" class="flex min-w-0 flex-1 flex-col outline-none">
                  <header class="flex h-13 shrink-0 items-center gap-1 px-3">
                    <Show when={isNarrow() || collapsed()}>
                      <button
                        type="button"
                        class="icon-button"
                        aria-label="Show conversations"
                        title="Show conversations (Ctrl+Shift+S)"
                        onClick={toggle}
                      >
                        <PanelLeft size={18} aria-hidden="true" />
                      </button>
                      <a href="/" class="icon-button" aria-label="New chat" title="New chat (Ctrl+Shift+O)">
                        <SquarePen size={18} aria-hidden="true" />
                      </a>
                    </Show>
                    <Show when={title()}>
                      <h1 class="min-w-0 truncate px-1.5 text-[15px] font-medium text-muted" title={title()}>
                        {title()}
                      </h1>
                    </Show>
                  </header>
                  <div class="min-h-0 flex-1">{props.children}</div>
                </main>
                <Toast />
              </div>
            </Context.Provider>
          );
        }}
      </Show>
    </Show>
  );
}
