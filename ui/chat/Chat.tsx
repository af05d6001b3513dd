import { useNavigate, useParams } from '@solidjs/router';
import { type JSX, Match, Show, Switch, createEffect, createSignal } from 'solid-js';
import { Notice } from '../parts/Notice.js';
import { useShell } from '../sidebar/shell-context.js';
import { type Chat as OpenChat, openChat } from '../state/chat.js';
import { newNodeId } from '../state/ids.js';
import { branchOf } from '../state/thread.js';
import { Composer } from './Composer.js';
import { Greeting } from './Greeting.js';
import { ThreadView } from './ThreadView.js';

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

function NewChat(): JSX.Element {
  const navigate = useNavigate();
  const { viewer, setTitle } = useShell();
  setTitle('New chat');
  const send = (text: string): void => {
    const { user } = viewer();
    begun = { id: newNodeId('conversation', user.id), text };
    navigate(`/c/${begun.id.replace('conversation_', '')}`);
  };
  return (
    <div class="flex h-full flex-col justify-center pb-[8vh]">
      <Greeting name={viewer().user.name} onPick={send} />
      <Composer draft="new" onSend={send} />
    </div>
  );
}

function Conversation(props: { id: string }): JSX.Element {
  const first = begun?.id === props.id ? begun.text : undefined;
  begun = undefined;
  const chat: OpenChat = openChat(props.id, first !== undefined);
  const { setTitle } = useShell();
  const [pinned, setPinned] = createSignal(0);
  createEffect(() => setTitle(chat.thread().conversation?.title ?? 'New chat'));
  if (first !== undefined) chat.send(first);

  const running = (): string | undefined => {
    const { messages } = chat.thread();
    const last = messages[branchOf(chat.thread()).at(-1) ?? ''];
    return last?.reply && (last.reply.status === 'REQUESTED' || last.reply.status === 'RUNNING') ? last.id : undefined;
  };
  const send = (text: string): void => {
    chat.send(text);
    setPinned((count) => count + 1);
  };
  const stop = (): void => {
    const reply = running();
    if (reply !== undefined) void chat.stop(reply);
  };

  return (
    <Switch>
      <Match when={chat.state() === 'missing'}>
        <Notice title="This chat is gone" text="It was deleted, or it is not yours.">
          <a class="button button-primary" href="/">
            New chat
          </a>
        </Notice>
      </Match>
      <Match when={true}>
        <div class="flex h-full min-h-0 flex-col">
          <ThreadView chat={chat} pin={pinned()} />
          <Composer draft={props.id} running={running() !== undefined} onSend={send} onStop={stop} />
        </div>
      </Match>
    </Switch>
  );
}
