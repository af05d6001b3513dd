import { useNavigate, useParams } from '@solidjs/router';
import { type JSX, Match, Show, Switch, createEffect, createMemo, createSignal } from 'solid-js';
import { Notice } from '../parts/Notice.js';
import { useShell } from '../sidebar/shell-context.js';
import { type Chat as OpenChat, openChat } from '../state/chat.js';
import { newNodeId } from '../state/ids.js';
import { type Message, branchOf, isRunning } from '../state/thread.js';
import { Composer } from './Composer.js';
import { Greeting } from './Greeting.js';
import { ThreadView } from './ThreadView.js';
import { keepDraft, openDraft } from './draft.js';

/** The conversation that a new chat turned into, so that its page goes on with what is on the screen. */
let begun: { id: string; text: string } | undefined;

/** The chat page: `/` is a new chat, `/c/<uuid>` an open one. */
export function Chat(): JSX.Element {
  const params = useParams<{ id?: string }>();
  return (
    <Show when={params.id} keyed fallback={<NewChat />}>
      {(id) => <Conversation id={`conversation_${id}`} />}
    </Show>
  );
}

const NEW = 'new';

function NewChat(): JSX.Element {
  const navigate = useNavigate();
  const { viewer, setTitle } = useShell();
  const draft = openDraft(NEW, sessionStorage);
  setTitle('');
  const send = (text: string): void => {
    begun = { id: newNodeId('conversation', viewer().user.id), text };
    navigate(`/c/${begun.id.replace('conversation_', '')}`);
  };
  return (
    <Greeting name={viewer().user.name} onPick={send}>
      <Composer draft={draft} onSend={send} />
    </Greeting>
  );
}

function Conversation(props: { id: string }): JSX.Element {
  const first = begun?.id === props.id ? begun.text : undefined;
  begun = undefined;
  const { viewer, setTitle, tell } = useShell();
  const chat: OpenChat = openChat(props.id, viewer().user.id, first !== undefined);
  const navigate = useNavigate();
  const draft = openDraft(props.id, sessionStorage);
  const [sent, setSent] = createSignal(first === undefined ? 0 : 1);
  const [stopping, setStopping] = createSignal<string>();
  createEffect(() => setTitle(chat.thread().conversation?.title ?? ''));
  if (first !== undefined) chat.send(first);

  const running = createMemo((): Message | undefined => {
    const last = chat.thread().messages[branchOf(chat.thread()).at(-1) ?? ''];
    return last && isRunning(last) && !chat.failure() ? last : undefined;
  });
  const send = (text: string): void => {
    chat.send(text);
    setSent((count) => count + 1);
  };
  const stop = (): void => {
    const reply = running();
    if (!reply || reply.version === 0 || stopping() === reply.id) return;
    setStopping(reply.id);
    chat.stop(reply.id).catch(() => {
      setStopping(undefined);
      tell('The reply could not be stopped: the server cannot be reached.');
    });
  };
  const takeBack = (): void => {
    const text = chat.takeBack();
    if (chat.thread().leaf !== undefined) return draft.setText(text);
    keepDraft(NEW, text, sessionStorage);
    navigate('/', { replace: true });
  };
  const gone = (): boolean => chat.state() === 'missing' || chat.state() === 'deleted';

  return (
    <Switch>
      <Match when={gone()}>
        <Notice
          title="This chat is gone"
          text={chat.state() === 'deleted' ? 'It was deleted.' : 'It was deleted, or it is not yours.'}
        >
          <a class="button button-primary" href="/">
            New chat
          </a>
        </Notice>
      </Match>
      <Match when={true}>
        <div class="flex h-full min-h-0 flex-col">
          <ThreadView chat={chat} sent={sent()} onTakeBack={takeBack} />
          <div class="pb-3">
            <Composer
              draft={draft}
              running={running() !== undefined}
              stopping={stopping() === running()?.id || running()?.reply?.stopping === true}
              held={chat.failure() && 'First send the message above, or take it back'}
              onSend={send}
              onStop={stop}
            />
          </div>
        </div>
      </Match>
    </Switch>
  );
}
