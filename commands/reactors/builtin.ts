import type { Responder } from './reactor.js';

/** The pace of a quick reader, so that an installation without a model feels and behaves like one that has one. */
const PIECE_MS = 30;

/**
 * What answers where no model is connected: it says so plainly and shows what it received, so that everything from
 * streaming to stopping can be tried offline.
 */
export function builtInResponder(wait: (ms: number, signal?: AbortSignal) => Promise<void>): Responder {
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
