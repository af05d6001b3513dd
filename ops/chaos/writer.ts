import type { Uuid } from '../../domain/ids.js';
import { type Person, at } from './person.js';

/** One command as its sender knows it: sent until it was answered, always with the same id and the same words. */
export type Sent = {
  readonly command: Uuid;
  readonly field: 'conversationStart' | 'messagePost' | 'conversationRename' | 'conversationRead' | 'replyStop';
  readonly input: Readonly<Record<string, unknown>>;
  tries: number;
  acknowledged: boolean;
};

export type Writer = {
  /** Everything that it has sent, oldest first. Each one was answered before the next was sent. */
  readonly sent: readonly Sent[];
  /** Resolves when it has stopped and its last command is answered. */
  stop(): Promise<void>;
};

type WriterOptions = {
  readonly person: Person;
  readonly name: string;
  readonly wait: (ms: number) => Promise<void>;
};

const RETRY_MS = 50;

const document = (field: Sent['field']): string => {
  const input = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
  return `mutation ($input: ${input}!) { ${field}(input: $input) {
    __typename ... on CommandError { code message } } }`;
};

/**
 * A person at a keyboard who never rests: starts conversations, posts and edits, renames, reads and stops, one command after
 * the other. Where no answer comes, because the server is gone, the same command is sent again until one does.
 */
export function startWriter({ person, name, wait }: WriterOptions): Writer {
  const sent: Sent[] = [];
  let stopping = false;

  const send = async (field: Sent['field'], input: Record<string, unknown>): Promise<void> => {
    const command = person.newId();
    const entry: Sent = { command, field, input: { commandId: command, ...input }, tries: 0, acknowledged: false };
    sent.push(entry);
    while (!entry.acknowledged) {
      entry.tries += 1;
      // No answer, or one that leaves it open: the command may be in the log or not.
      const answer = await person.ask(document(field), { input: entry.input }).catch(() => undefined);
      const kind = at(answer, field, '__typename');
      const code = at(answer, field, 'code');
      if (kind === 'Accepted') entry.acknowledged = true;
      else if (kind !== undefined && kind !== 'Pending' && code !== 'UNAVAILABLE' && code !== 'EXPIRED') {
        throw new Error(`${field} of ${name} was refused: ${JSON.stringify(answer)} for ${JSON.stringify(entry)}`);
      } else await wait(RETRY_MS);
    }
  };

  const converse = async (): Promise<void> => {
    const conversation = `conversation_${person.newId()}`;
    const first = { conversation, message: `message_${person.newId()}`, reply: `message_${person.newId()}` };
    await send('conversationStart', { ...first, text: `${name}, conversation ${sent.length}` });
    for (let turn = 1; turn <= 6 && !stopping; turn++) {
      await send('conversationRename', { conversation, title: `${name}, title ${sent.length}` });
      await send('conversationRead', { conversation, seq: turn });
    }
    if (stopping) return;
    const again = { message: `message_${person.newId()}`, reply: `message_${person.newId()}` };
    const text = `${name}, edit ${sent.length}`;
    await send('messagePost', { conversation, ...again, parent: null, text, fork: true });
    await send('replyStop', { conversation, reply: again.reply });
  };

  const run = async (): Promise<void> => {
    while (!stopping) await converse();
  };
  const done = run();
  // A refusal is told by `stop`.
  done.catch(() => undefined);
  return {
    sent,
    stop: () => {
      stopping = true;
      return done;
    },
  };
}
