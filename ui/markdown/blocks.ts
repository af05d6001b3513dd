import { Lexer, type Token } from 'marked';
import remend from 'remend';
import { share } from './share.js';

/**
 * A text as top-level blocks, as it grows. Finished blocks keep their token object, so that what is on the screen stays
 * as it is; only the last block is read again, with its open markers closed.
 */
export type Blocks = {
  readonly text: string;
  /** How much of the text is in finished blocks. */
  readonly settled: number;
  readonly tokens: readonly Token[];
  /** How many of the tokens are finished. */
  readonly finished: number;
};

export const noBlocks: Blocks = { text: '', settled: 0, tokens: [], finished: 0 };

/** What shows: the empty lines between blocks do not. */
const drawn = ({ type }: Token): boolean => type !== 'space';

const lex = (source: string): Token[] => new Lexer({ gfm: true }).lex(source).filter(drawn);

/** References (`[x]: url`) may come last and change what stands before them: then the whole is read at once. */
const hasDefinition = (text: string): boolean => /^ {0,3}\[[^\]]+\]:/m.test(text);

const openFence = (source: string): boolean => (source.match(/^ {0,3}(```|~~~)/gm)?.length ?? 0) % 2 === 1;

/** Half-written emphasis, links and code are closed for the eye; inside a fence nothing is markdown. */
const heal = (source: string): string => (openFence(source) ? source : remend(source));

/** Reads a text that has grown. `live` says that more will come. */
export function readBlocks(before: Blocks, text: string, live: boolean): Blocks {
  const grown = live && text.startsWith(before.text) && !hasDefinition(text);
  if (!live || hasDefinition(text)) {
    const tokens = lex(text);
    return { text, settled: 0, tokens: share(before.tokens, tokens), finished: 0 };
  }
  const from = grown ? before : noBlocks;
  const tail = new Lexer({ gfm: true }).lex(text.slice(from.settled));
  const last = liveFrom(tail);
  const done = tail.slice(0, last);
  const settled = from.settled + done.reduce((sum, token) => sum + token.raw.length, 0);
  const open = text.slice(settled);
  const healed = heal(open);
  const living = healed === open ? tail.slice(last).filter(drawn) : lex(healed);
  const kept = from.tokens.slice(0, from.finished);
  const finished = done.filter(drawn);
  const tokens = [...kept, ...share(from.tokens.slice(from.finished), [...finished, ...living])];
  return { text, settled, tokens, finished: kept.length + finished.length };
}

/** Every block but the last is finished and never changes; but a number below a list may become its next item. */
function liveFrom(tail: readonly Token[]): number {
  const last = Math.max(tail.findLastIndex(drawn), 0);
  const before = tail.slice(0, last).findLastIndex(drawn);
  return tail[before]?.type === 'list' && /^ {0,3}\d{1,9}$/.test(tail[last]?.raw ?? '') ? before : last;
}
