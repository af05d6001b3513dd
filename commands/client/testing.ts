import { contentOf, personKey } from '../../domain/content.js';
import { type Uuid, instanceStream, membershipStream, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import type { Answer } from '../command.js';
import { ada, conversation, nextId } from '../worker/testing.js';
import type { Draft } from './client.js';

/** The first message of the conversation, and what it says. */
export const message = clientId(51, 0x500);
export const TEXT = 'Nobody but us may read this sentence.';

type More = { readonly id?: Uuid; readonly chars?: number };

/** Starts a conversation with a text. */
export const start = (text = TEXT, { id = nextId(), chars = text.length }: More = {}): Draft => {
  const title = text.slice(0, 20);
  return {
    type: 'StartConversation',
    data: {
      message,
      reply: clientId(52, 0x500),
      parts: [{ type: 'text', text: { plain: text, content: contentOf.part(message, 0) }, chars }],
      title: { plain: title, content: contentOf.title(conversation) },
      chars: title.length,
      expires: null,
    },
    id,
    actor: ada,
    stream: streamOf('conversation', conversation),
    key: personKey(ada),
  };
};

/** Marks it as read. */
export const markRead = (more: object = {}): Draft => ({
  type: 'MarkRead',
  data: { conversation, seq: 3 },
  id: nextId(),
  actor: ada,
  stream: membershipStream(conversation, ada),
  ...more,
});

export const answer: Answer = {
  status: 'accepted',
  stream: instanceStream,
  version: 1,
  events: 1,
  position: { partition: 1, offset: 7 },
};

export const never = (): Promise<never> => new Promise(() => undefined);
