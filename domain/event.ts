import { hash } from 'node:crypto';
import { stringify } from 'safe-stable-stringify';
import type { Typed } from './decider.js';
import type { Stream, Uuid } from './ids.js';

/**
 * An event with everything that is known about it. Kept for ever.
 * `version` is its place in its stream (1, 2, 3, …), `at` its ISO 8601 time, stamped once by the partition's owner and
 * never running backwards there; `cause` the command that made it; `correlation` the whole errand that this belonged to;
 * `previous` the hash of the stream's event before it, or '' for the first.
 */
export type Envelope<E extends Typed = Typed> = E & {
  readonly id: Uuid;
  readonly schema: number;
  readonly stream: Stream;
  readonly version: number;
  readonly at: string;
  readonly actor: string;
  readonly cause: Uuid;
  readonly correlation: Uuid;
  readonly trace?: string;
  readonly previous: string;
};

/** The link of a stream's hash chain: SHA-256 of the canonical JSON (keys sorted) of an event as it is stored, base64url. */
export const hashOf = (stored: object): string => hashText(texts.get(stored) ?? canonical(stored));

/** SHA-256 of the canonical JSON of a value, base64url. */
export const sha256 = (value: unknown): string => hashText(canonical(value));

const canonical = (value: unknown): string => stringify(value) ?? '';
const hashText = (text: string): string => hash('sha256', text, 'base64url');

/** The texts of events that are on their way into the log. */
const texts = new WeakMap<object, string>();

/**
 * The canonical JSON of an event, kept for as long as the event is: whoever writes one measures it, hashes it and stores it,
 * and makes its text once. It must not be changed from here on.
 */
export function textOf(event: Envelope): string {
  const text = texts.get(event) ?? canonical(event);
  texts.set(event, text);
  return text;
}

/** For every event of an aggregate, and every field of it: does it travel sealed, or in the clear for analysts? */
export type Clear<E extends Typed> = {
  [T in E as T['type']]: { [Field in keyof T['data']]-?: 'sealed' | 'clear' };
};
