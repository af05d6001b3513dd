import type { Plain } from '../../../commands/client/client.js';
import { charsOf, contentOf, cutLine } from '../../../domain/content.js';
import type { Uuid } from '../../../domain/ids.js';

// Texts of people as commands carry them: in the open, with their place and their declared length.

export const textPart = (message: Uuid, text: string) => ({
  type: 'text' as const,
  text: { plain: text, content: contentOf.part(message, 0) },
  chars: charsOf(text),
});

export const titleField = (conversation: Uuid, title: string): { title: Plain; chars: number } => ({
  title: { plain: title, content: contentOf.title(conversation) },
  chars: charsOf(title),
});

const TITLE = 60;

/** The title of a new conversation: the first line of its first message, without markup, cut at a word. */
export function titleOf(text: string): string {
  const [first = ''] = text.trim().split('\n');
  const bare = first
    .replace(/^[#>\s]+|[*`~]+/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return cutLine(bare === '' ? first.trim() : bare, TITLE);
}
