import { type Sealed, limits } from './content.js';
import { type Rejection, reject } from './decider.js';
import { type Uuid, bucketOf, isClientId } from './ids.js';

// What several aggregates ask of the data of a command. Each answers with what is wrong, or with nothing.

/** Of a text with a declared length, in UTF-16 units: `what` begins the sentence, as 'A title'. */
export function textFault(what: string, chars: number, most: number): Rejection | undefined {
  if (!(chars > 0)) return reject('INVALID', `${what} needs some text.`);
  if (chars > most) return reject('TOO_LARGE', `${what} has at most ${most} characters.`);
  return undefined;
}

/** Of a sealed text: under another key its erasure would miss it, in another place it could never be opened. */
export function sealFault({ key, content }: Sealed, expected: string, place: string): Rejection | undefined {
  if (key !== expected) return reject('INVALID', `This is sealed under ${key}; here it has to be ${expected}.`);
  if (content !== place) return reject('INVALID', `This is sealed for ${content}, and belongs to ${place}.`);
  return undefined;
}

/** Of an id that a client made for something in the bucket of `home`. */
export function idFault(id: Uuid, home: Uuid): Rejection | undefined {
  if (!isClientId(id)) return reject('INVALID', `The id ${id} is not a UUID of version 7.`);
  if (bucketOf(id) === bucketOf(home)) return undefined;
  return reject('WRONG_BUCKET', `The id ${id} must end in the last three digits of its conversation's id.`);
}

/** Of the words by which operators account for what they do. */
export function noteFault(...words: readonly string[]): Rejection | undefined {
  if (words.some((word) => word.trim() === '')) return reject('INVALID', 'It needs who asked for it, and why.');
  if (words.some((word) => word.length > limits.note)) {
    return reject('TOO_LARGE', `Who asked for it, and why, has at most ${limits.note} characters each.`);
  }
  return undefined;
}

/** Of a time, ISO 8601 in UTC with milliseconds. */
export const timeFault = (time: string): Rejection | undefined =>
  !Number.isNaN(Date.parse(time)) && new Date(time).toISOString() === time
    ? undefined
    : reject('INVALID', `${time} is no time, as 2026-01-31T09:15:00.000Z is.`);
