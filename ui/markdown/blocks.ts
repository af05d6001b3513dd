import { Lexer, type Token } from 'marked';
import remend from 'remend';

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

const lex = (source: string): Token[] => new Lexer({ gfm: true }).lex(source).filter(({ type }) => type !== 'space');

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
  const tail = text.slice(from.settled);
  const raw = new Lexer({ gfm: true }).lex(tail);
  // Every block but the last is finished and never changes.
  const last = raw.findLastIndex(({ type }) => type !== 'space');
  const settled = from.settled + raw.slice(0, Math.max(last, 0)).reduce((sum, token) => sum + token.raw.length, 0);
  const done = raw.slice(0, Math.max(last, 0)).filter(({ type }) => type !== 'space');
  const open = lex(heal(text.slice(settled)));
  const kept = from.tokens.slice(0, from.finished);
  const tokens = [...kept, ...share(from.tokens.slice(from.finished), [...done, ...open])];
  return { text, settled, tokens, finished: kept.length + done.length };
}

/** Keeps the old token object where nothing changed, so that nothing is drawn again. */
const share = (before: readonly Token[], after: readonly Token[]): readonly Token[] =>
  after.map((token, at) => {
    const old = before[at];
    return old && old.type === token.type && old.raw === token.raw ? old : token;
  });
