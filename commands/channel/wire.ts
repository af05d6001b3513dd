import type { Uuid } from '../../domain/ids.js';
import { type Answer, type Command, Refused } from '../command.js';

/**
 * Where answers travel back: whoever has sent commands is attached to `answers:<its id>`. Anything may be lost at any
 * moment: an answer that does not come is looked up. Sessions of the fleet fit.
 */
export type Answers = {
  publish(topic: string, notice: object): void;
  /** When it resolves, nothing published from then on is missed, as long as nothing breaks. */
  attach(topic: string, listener: (notice: unknown) => void): Promise<() => void>;
};

export const answersOf = (sender: string): string => `answers:${sender}`;

/** A command as it lies in `commands`, and who wants to hear what came of it. */
export const encodeCommand = (command: Command, sender: string): string => JSON.stringify({ sender, command });

const strict = new TextDecoder('utf-8', { fatal: true });

/**
 * What lies in `commands`, whoever put it there. Where that is no command it comes all the same, as it is, for it has to be
 * recorded: the worker looks at each. Of bytes that are no text it comes as base64. Only a command, an object, has a sender.
 */
export function decodeCommand(value: Uint8Array | null): { readonly command: Command; readonly sender?: string } {
  const came = valueOf(value ?? new Uint8Array());
  const isMail = typeof came === 'object' && came !== null && 'command' in came;
  const command = isMail ? came.command : came;
  assume(command);
  if (!isMail || typeof command !== 'object' || command === null) return { command };
  return { command, ...('sender' in came && typeof came.sender === 'string' ? { sender: came.sender } : {}) };
}

function valueOf(bytes: Uint8Array): unknown {
  try {
    const text = strict.decode(bytes);
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

/** Takes what comes from elsewhere for what it should be. Whether it is that, `admit` says. */
const assume: (value: unknown) => asserts value is Command = () => undefined;

/** What was said of a command. Its hash tells it from another one under the same name. */
export type Notice = { readonly actor: string; readonly id: Uuid; readonly hash: string } & (
  { readonly answer: Answer } | { readonly refused: { readonly code: Refused['code']; readonly message: string } }
);

export const noticeOf = ({ actor, id, hash }: Command, said: Answer | Refused): Notice => ({
  actor,
  id,
  hash,
  ...(said instanceof Refused ? { refused: { code: said.code, message: said.message } } : { answer: said }),
});

/** The notices in what came: only workers publish there, so it is enough to tell them from something else. */
export const noticesIn = (came: unknown): readonly Notice[] => (Array.isArray(came) ? came.filter(isNotice) : []);

const isNotice = (one: unknown): one is Notice =>
  typeof one === 'object' && one !== null && 'hash' in one && ('answer' in one || 'refused' in one);
