import type { DomainCommand } from '../../domain/catalogue.js';
import { type Sealed, charsOf } from '../../domain/content.js';
import type { RejectionCode } from '../../domain/decider.js';
import { type Stream, type Uuid, homeOf, isUuid } from '../../domain/ids.js';
import { type Answer, type Command, type CommandChannel, Refused } from '../command.js';
import { KeyDestroyed, type Keys } from '../keys/keys.js';
import { payloadHash, seal } from '../keys/sealing.js';

/** Text that is still in the open, and where it belongs (see `contentOf`). The client seals it. */
export type Plain = { readonly plain: string; readonly content: string };

/** A type with plain text wherever the log holds sealed text. */
export type Open<T> = T extends Sealed
  ? Plain
  : T extends readonly (infer U)[]
    ? readonly Open<U>[]
    : T extends object
      ? { [K in keyof T]: Open<T[K]> }
      : T;

/** Copies come as they are: their boxes stay closed. */
type Drafted<C extends DomainCommand> = C extends { type: 'CopyMessages' } ? C['data'] : Open<C['data']>;

/** A command before it is sealed. `key` names the key for its content (see `personKey`), needed where there is any. */
export type Draft = {
  [C in DomainCommand as C['type']]: { readonly type: C['type']; readonly data: Drafted<C> };
}[DomainCommand['type']] & {
  readonly id: Uuid;
  readonly actor: string;
  readonly stream: Stream;
  readonly key?: string;
  readonly expected?: number;
  readonly correlation?: Uuid;
  /** How long it may wait to be decided, in ms. Default 10,000. */
  readonly patience?: number;
};

/** What the sender learns: the answer, a refusal that left no trace, or that no answer came in time. */
export type Sent =
  | Answer
  | { readonly status: 'rejected'; readonly code: RejectionCode; readonly message: string; readonly head?: string }
  | { readonly status: 'pending'; readonly command: Uuid };

/** Sends commands. Content is sealed here, before it leaves for any log. A pending command may still be decided. */
export type CommandClient = { send(draft: Draft): Promise<Sent> };

export type ClientOptions = {
  readonly channel: CommandChannel;
  readonly keys: Keys;
  readonly partitions: number;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
};

const PATIENCE = 10_000;
const LARGEST = 256 * 1024;

/** A client over a channel. `wait` resolves after so many ms, or with the signal; `random` gives so many random bytes. */
export function createClient({ channel, keys, partitions, now, random, wait }: ClientOptions): CommandClient {
  const toCommand = async (draft: Draft): Promise<Command> => {
    const { id, actor, stream, type, data, expected, correlation = id, patience = PATIENCE } = draft;
    const key = draft.key === undefined ? undefined : { id: draft.key, bytes: await keys.ensure(draft.key) };
    const box = ({ plain, content }: Plain): Sealed => {
      if (!key) throw new Error(`${type} holds content and names no key for it`);
      return seal(key.bytes, key.id, content, plain, random(12));
    };
    return {
      type,
      data: sealFields(data, box),
      id,
      actor,
      stream,
      hash: payloadHash(key?.bytes, { type, stream, data }),
      deadline: new Date(now() + patience).toISOString(),
      correlation,
      ...(expected === undefined ? {} : { expected }),
    };
  };

  return {
    send: async (draft) => {
      const fault = isUuid(draft.id) ? faultOf(draft.data) : `The command id ${draft.id} is not a lower-case UUID.`;
      if (fault) return refusal('INVALID', fault);
      const command = await toCommand(draft).catch((error: unknown) => {
        if (error instanceof KeyDestroyed) return undefined;
        throw error;
      });
      if (!command) return refusal('NOT_FOUND', 'Whose content this is was erased: nothing more is kept of them.');
      if (Buffer.byteLength(JSON.stringify(command)) > LARGEST) {
        return refusal('TOO_LARGE', 'One command writes at most 256 KB. Send less.');
      }
      const answered = new AbortController();
      const pending = wait(draft.patience ?? PATIENCE, answered.signal).then((): Sent => ({
        status: 'pending',
        command: draft.id,
      }));
      try {
        return await Promise.race([channel.submit(homeOf(draft.stream, partitions), command), pending]);
      } catch (error) {
        if (error instanceof Refused) return refusal(error.code, error.message);
        throw error;
      } finally {
        answered.abort();
      }
    },
  };
}

const refusal = (code: RejectionCode, message: string): Sent => ({ status: 'rejected', code, message });

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' &&
  value !== null &&
  'plain' in value &&
  'content' in value &&
  typeof value.plain === 'string' &&
  typeof value.content === 'string';

/** The same data, with every plain text in its box. */
function sealFields(data: object, box: (plain: Plain) => Sealed): object {
  const walk = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(walk);
    return isPlain(value) ? box(value) : sealFields(value, box);
  };
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, walk(value)]));
}

/**
 * What is wrong with the texts in some data, if anything. Deciders see sealed texts and the `chars` declared beside them,
 * so this is the one place that can tell whether those are true.
 */
function faultOf(data: object): string | undefined {
  const declared = 'chars' in data ? data.chars : undefined;
  for (const value of Object.values(data)) {
    if (typeof value !== 'object' || value === null) continue;
    const fault = isPlain(value) ? textFault(value.plain, declared) : faultOf(value);
    if (fault) return fault;
  }
  return undefined;
}

function textFault(text: string, declared: unknown): string | undefined {
  // Half a surrogate pair would not survive the way through UTF-8: another text would come back than was sent.
  if (!text.isWellFormed()) return 'The text holds half a surrogate pair: it is not well-formed Unicode.';
  const chars = charsOf(text);
  if (declared === chars) return undefined;
  return chars === 0
    ? 'The text is blank: write something.'
    : `The text has ${chars} characters; another number is declared.`;
}
