import type { Uuid } from './ids.js';

/**
 * Personal text as it stands in every log, view and backup: AES-256-GCM under the key `key`, bound to `key` and
 * `content`, so that it opens nowhere but in its own place. `box` is base64 of nonce (12 bytes), ciphertext, tag (16).
 */
export type Sealed = { readonly key: string; readonly content: string; readonly box: string };

/** One part of a message. A closed union: images, files, reasoning and tool calls come later as members of it. */
export type Part = { readonly type: 'text'; readonly text: Sealed; readonly chars: number };

/** The longest message, title and name, in UTF-16 units. */
export const limits = { message: 100_000, title: 200, name: 100, parts: 16 } as const;

/** The characters that a text declares: its UTF-16 units, none if it is blank. Deciders see this number, never the text. */
export const charsOf = (text: string): number => (text.trim() === '' ? 0 : text.length);

/** The key of a person, under which their messages, titles and names are sealed, and the replies they ask for. */
export const personKey = (user: Uuid): string => `user-${user}`;

/** Content ids: where a sealed text belongs. */
export const contentOf = {
  name: (user: Uuid): string => `${user}/name`,
  title: (conversation: Uuid): string => `${conversation}/title`,
  part: (message: Uuid, index: number): string => `${message}/${index}`,
};
