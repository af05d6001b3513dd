import type { Uuid } from './ids.js';

/**
 * Personal text as it stands in every log, view and backup: AES-256-GCM under the key `key`, bound to `key` and
 * `content`, so that it opens nowhere but in its own place. `box` is base64 of nonce (12 bytes), ciphertext, tag (16).
 */
export type Sealed = { readonly key: string; readonly content: string; readonly box: string };

/** One part of a message. A closed union: images, files, reasoning and tool calls come later as members of it. */
export type Part = { readonly type: 'text'; readonly text: Sealed; readonly chars: number };

/** The longest texts, in UTF-16 units, and how many there may be of what comes in numbers. */
export const limits = {
  message: 100_000,
  title: 200,
  name: 100,
  instructions: 10_000,
  comment: 2_000,
  tag: 40,
  /** Why operators did something, and what they did it to: in the clear. */
  note: 500,
  parts: 16,
  tags: 20,
  members: 100,
  shares: 100,
  /** Messages that one command may copy. */
  copies: 100,
} as const;

/** The characters that a text declares: its UTF-16 units, none if it is blank. Deciders see this number, never the text. */
export const charsOf = (text: string): number => (text.trim() === '' ? 0 : text.length);

/** The beginning of a text, of at most so many UTF-16 units. A cut may fall into a surrogate pair: half of one is no text. */
export const cutText = (text: string, most: number): string =>
  text
    .slice(0, most)
    .toWellFormed()
    .replace(/\uFFFD$/, '');

/** A line that is not longer than `most` and an ellipsis: cut at a word, unless that left less than half of it. */
export function cutLine(line: string, most: number): string {
  if (line.length <= most) return line;
  const word = line.slice(0, most).lastIndexOf(' ');
  return `${cutText(line, word > most / 2 ? word : most)}…`;
}

/** The key of a person, under which their messages, titles and names are sealed, and the replies they ask for. */
export const personKey = (user: Uuid): string => `user-${user}`;

/** The key of a temporary conversation, under which all of it is sealed: without it, nothing of it is left. */
export const conversationKey = (conversation: Uuid): string => `conversation-${conversation}`;

/** Content ids: where a sealed text belongs. */
export const contentOf = {
  name: (user: Uuid): string => `${user}/name`,
  instructions: (user: Uuid): string => `${user}/instructions`,
  title: (conversation: Uuid): string => `${conversation}/title`,
  part: (message: Uuid, index: number): string => `${message}/${index}`,
  feedback: (message: Uuid, user: Uuid): string => `${message}/feedback/${user}`,
  /** The n-th tag, from 0, of a person's relation to a conversation. */
  tag: (membership: Uuid, n: number): string => `${membership}/tag/${n}`,
};

/** The first 12 bytes of a box, by which the same wish is known when it comes again: no other sealing has them. */
export const nonceOf = ({ box }: Sealed): string => box.slice(0, 16);
