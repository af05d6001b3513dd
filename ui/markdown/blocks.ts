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

/** More open marks than this in one paragraph, or quotes this deep, nobody writes; the lexer takes ages or falls over. */
const MOST_MARKS = 2_000;
const knotted = (source: string): boolean =>
  /^[ \t>]{200}/m.test(source) ||
  source
    .replace(/^ {0,3}(```|~~~)[^]*?(^ {0,3}\1|$(?![^]))/gm, '')
    .split(/\n\s*\n/)
    .some((paragraph) => paragraph.length > MOST_MARKS && (paragraph.match(/[*_~`[]/g)?.length ?? 0) > MOST_MARKS);

/** All blocks of a source, empty lines too. What cannot be read in good time is one paragraph, shown as it stands. */
const blocksOf = (source: string): Token[] =>
  knotted(source)
    ? [{ type: 'paragraph', raw: source, text: source, tokens: [{ type: 'text', raw: source, text: source }] }]
    : new Lexer({ gfm: true }).lex(source);

const lex = (source: string): Token[] => blocksOf(source).filter(drawn);

/** References (`[x]: url`) may come last and change what stands before them: then the whole is read at once. */
const hasDefinition = (text: string): boolean => /^ {0,3}\[[^\]\n]{1,999}\]:/m.test(text);

const openFence = (source: string): boolean => (source.match(/^ {0,3}(```|~~~)/gm)?.length ?? 0) % 2 === 1;

/** The first characters of a line, from which nobody knows yet whether it is an item, a heading, a rule or only words. */
const halfMark = /^[ \t>]*(?:[-*+_]+|#{1,6}|\d{1,9}[.)]?|>|=+|[`~]{1,2}|\|)[ \t]*$/;
const LONGEST_MARK = 24;

/** A text without a last line of which too little is known. Shown and read once there is more of it. */
function withoutHalfMark(source: string): string {
  const at = source.lastIndexOf('\n');
  const line = source.slice(at + 1);
  return line.length <= LONGEST_MARK && halfMark.test(line) ? source.slice(0, Math.max(at, 0)) : source;
}

/** Reads a text that has grown. `live` says that more will come. */
export function readBlocks(before: Blocks, text: string, live: boolean): Blocks {
  if (!live || hasDefinition(text)) {
    return { text, settled: 0, tokens: share(before.tokens, lex(text)), finished: 0 };
  }
  const from = text.startsWith(before.text) ? before : noBlocks;
  const source = text.slice(from.settled);
  const inFence = openFence(source);
  // Inside a fence nothing is markdown. Elsewhere half-written emphasis, links and code are closed for the eye.
  const known = inFence ? source : withoutHalfMark(source);
  const read = blocksOf(known);
  // Every block but the last is finished and never changes.
  const last = Math.max(read.findLastIndex(drawn), 0);
  const done = read.slice(0, last);
  const length = done.reduce((sum, token) => sum + token.raw.length, 0);
  const open = known.slice(length);
  const healed = inFence || knotted(open) ? open : remend(open);
  const living = healed === open ? read.slice(last).filter(drawn) : lex(healed);
  const kept = from.tokens.slice(0, from.finished);
  const finished = done.filter(drawn);
  const tokens = [...kept, ...share(from.tokens.slice(from.finished), [...finished, ...living])];
  return { text, settled: from.settled + length, tokens, finished: kept.length + finished.length };
}
