import type { DomainCommand } from '../../domain/catalogue.js';
import { type Sealed, charsOf } from '../../domain/content.js';
import { ASSISTANT, type RejectionCode, SYSTEM } from '../../domain/decider.js';
import { type Stream, type Uuid, homeOf, isUuid } from '../../domain/ids.js';
import { type Answer, type Command, type CommandChannel, Refused } from '../command.js';
import { KeyDestroyed, type Keys, KeysError } from '../keys/keys.js';
import { payloadHash, seal } from '../keys/sealing.js';
import { backOff } from '../backoff.js';
import type { Wait } from '../wait.js';
import { type Most, createCrowd } from './crowd.js';
import { createPatience } from './patience.js';

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

/** Whether nothing is known to be decided: the same may be sent again, later. */
export const isUndecided = (sent: Sent): boolean =>
  sent.status === 'pending' || (sent.status === 'rejected' && (sent.code === 'UNAVAILABLE' || sent.code === 'EXPIRED'));

/**
 * Sends commands. Content is sealed here, before it leaves for any log. What an owner refuses as UNAVAILABLE is sent again
 * within its patience, the same sealed command each time, after a wait that grows; what is not answered is not, for it
 * waits already and would only wait twice. A pending command may still be decided.
 */
export type CommandClient = { send(draft: Draft): Promise<Sent> };

export type ClientOptions = {
  readonly channel: CommandChannel;
  readonly keys: Keys;
  readonly partitions: number;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly wait: Wait;
  /** How many commands may be under way; what is beyond that is UNAVAILABLE at once. Default 10,000, and 200 of one actor. */
  readonly most?: Most;
};

const PATIENCE = 10_000;
const LARGEST = 256 * 1024;
const MOST: Most = { all: 10_000, actor: 200 };
const HOUSE: ReadonlySet<string> = new Set([ASSISTANT, SYSTEM]);

/** A client over a channel. `random` gives so many random bytes. */
export function createClient(options: ClientOptions): CommandClient {
  const { channel, keys, partitions, now, random, wait, most = MOST } = options;
  const crowd = createCrowd(most, HOUSE);
  const waiting = createPatience({ now, wait });

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

  /** Hands a command over until it is taken or its patience ends, in ms; what was heard last stands then. */
  const deliver = async (command: Command, bytes: number, patience: number): Promise<Sent> => {
    const { over, leave } = waiting.begin(patience);
    let answered = false;
    /** Ends a pause. Few commands have any. */
    let pause: AbortController | undefined;
    const partition = homeOf(command.stream, partitions);
    const pending: Sent = { status: 'pending', command: command.id };
    let heard: Sent = pending;
    const trying = async (): Promise<Sent> => {
      for (let tries = 1; !answered; tries++) {
        heard = pending;
        try {
          return await channel.submit(partition, command, bytes);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          heard = refusal(error.code, error.message);
          if (answered || error.code !== 'UNAVAILABLE') return heard;
        }
        pause ??= new AbortController();
        await wait(backOff(tries, random), pause.signal);
      }
      return heard;
    };
    try {
      return await Promise.race([trying(), over.then(() => heard)]);
    } finally {
      answered = true;
      pause?.abort();
      leave();
    }
  };

  return {
    send: async (draft) => {
      const fault = isUuid(draft.id) ? faultOf(draft.data) : `The command id ${draft.id} is not a lower-case UUID.`;
      if (fault) return refusal('INVALID', fault);
      const place = crowd.enter(draft.actor);
      if ('full' in place) return refusal('UNAVAILABLE', place.full);
      try {
        const command = await toCommand(draft).catch(keyFault);
        if ('status' in command) return command;
        const bytes = Buffer.byteLength(JSON.stringify(command));
        if (bytes > LARGEST) return refusal('TOO_LARGE', 'One command writes at most 256 KB. Send less.');
        return await deliver(command, bytes, draft.patience ?? PATIENCE);
      } finally {
        place.leave();
      }
    },
  };
}

/** Why there is no key for some content. Throws what is no answer to that. */
function keyFault(error: unknown): Sent {
  if (error instanceof KeyDestroyed) {
    return refusal('NOT_FOUND', 'Whose content this is was erased: nothing more is kept of them.');
  }
  if (error instanceof KeysError && error.code === 'KEYS_UNAVAILABLE') {
    return refusal('UNAVAILABLE', 'The server cannot keep anything right now. Send it again in a moment.');
  }
  throw error;
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
