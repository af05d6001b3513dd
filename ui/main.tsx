import './styles/main.css';
import { Route, Router } from '@solidjs/router';
import { ErrorBoundary, Show, lazy } from 'solid-js';
import { render } from 'solid-js/web';
import { start, status } from './auth/session.js';
import { Chat } from './chat/Chat.js';
import { Landing } from './chat/Landing.js';
import { Crash, NotFound } from './parts/Notice.js';
import { Shell } from './sidebar/Shell.js';

// A chunk of the version before is gone after a deploy: the page of this one has the right names.
addEventListener('vite:preloadError', () => {
  const last = Number(sessionStorage.getItem('verbatim.reloaded') ?? 0);
  if (Date.now() - last < 10_000) return;
  sessionStorage.setItem('verbatim.reloaded', String(Date.now()));
  location.reload();
});

const root = document.querySelector('#root');
if (!root) throw new Error('the page has no #root');

const show = (crashed?: unknown): void => {
  root.replaceChildren();
  render(
    () => (
      <ErrorBoundary fallback={(error) => <Crash error={error} />}>
        <Show when={crashed === undefined} fallback={<Crash error={crashed} />}>
          <Show when={status() === 'in'} fallback={<Landing />}>
            <Router root={Shell}>
              <Route path={['/', '/c/:id']} component={Chat} />
              <Route path="/graphiql" component={lazy(() => import('./explorer/Explorer.js'))} />
              <Route path="*" component={NotFound} />
            </Router>
          </Show>
        </Show>
      </ErrorBoundary>
    ),
    root,
  );
};

start()
  .then((path) => {
    history.replaceState(null, '', path);
    show();
  })
  .catch(show);
