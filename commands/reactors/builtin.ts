import { cutLine } from '../../domain/content.js';
import type { Wait } from '../wait.js';
import type { Responder, Titler } from './reactor.js';

/** The pace of a quick reader, so that an installation without a model feels and behaves like one that has one. */
const PIECE_MS = 30;

/**
 * What answers where no model is connected: it says so plainly and shows what it received, so that everything from
 * streaming to stopping can be tried offline.
 */
export function builtInResponder(wait: Wait): Responder {
  return {
    endpoint: 'built-in',
    model: 'echo',
    async *respond(turns, signal) {
      for (const piece of piecesOf(answerTo(turns.at(-1)?.text ?? '', turns.length))) {
        await wait(PIECE_MS, signal);
        if (signal.aborted) return;
        yield piece;
      }
    },
  };
}

/** A word at a time, a very long one in several pieces, never half a character. */
const piecesOf = (text: string): readonly string[] => text.match(/\s*\S{1,24}/gu) ?? [];

function answerTo(text: string, turns: number): string {
  const words = text.match(/\S+/g)?.length ?? 0;
  const earlier = turns - 1;
  return [
    'No language model is connected to this installation, so this is its **built-in responder**: it reads what you ' +
      'write and plays it back. Everything around it is real: your message was sealed and written to the log before ' +
      'you were told so, and this reply streams to you the way a model’s would.',
    '### What arrived',
    [
      `- **${count(words, 'word')}**, ${count(text.length, 'character')}`,
      `- ${earlier === 0 ? 'the first message of this conversation' : `${count(earlier, 'message')} before it on this branch`}`,
    ].join('\n'),
    '### Your words',
    quote(text),
  ].join('\n\n');
}

const count = (n: number, what: string): string => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

/** Code comes back as it is, everything else as a quotation. */
const quote = (text: string): string => (text.includes('```') ? text : text.replace(/^/gm, '> '));

/** The longest title that the built-in titler makes. */
const TITLE = 60;

/** Titles without a model: the first sentence of what the person said first, in plain words, cut at a word. */
export const builtInTitler: Titler = {
  endpoint: 'built-in',
  model: 'first sentence',
  title: async (turns) => titleOf(turns.find(({ role }) => role === 'user')?.text ?? ''),
};

function titleOf(text: string): string {
  // However long the text: no expression below may find the time to look back often.
  const lines = text
    .slice(0, BEGINNING)
    .toWellFormed()
    .split('\n')
    .map((line) => line.trim());
  const line = lines.map(bare).find((each) => /[\p{L}\p{N}]/u.test(each)) ?? lines.find((each) => each !== '') ?? '';
  const sentence = /^.*?(?:[.!?…](?=\s)|[。！？])/u.exec(line)?.[0] ?? line;
  // A greeting is no title. What follows may be one.
  const title = sentence.length < SHORT ? line : sentence;
  return cutLine(title.replace(/(?<=[^.])\.$/, ''), TITLE);
}

const BEGINNING = 2_000;

/** A sentence that is shorter than this says too little. */
const SHORT = 12;

/** A line of markdown in plain words. The fence of a code block is none of them. */
const bare = (line: string): string =>
  line
    .replace(/^(```|~~~).*$/, '')
    .replace(/^(#{1,6}\s+|>\s*|[-*+]\s+|\d+[.)]\s+)+/, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[*`~]+|(?<!\w)_+|_+(?!\w)/g, '')
    .replace(/\s+/g, ' ')
    .trim();
