import type { Token, Tokens } from 'marked';

/**
 * Keeps the old token wherever nothing changed, down into lists, tables and quotations: what is the same object is not
 * drawn again. So a row more costs one row, however long the table is.
 */
export function share<T extends Token>(before: readonly Token[] | undefined, after: readonly T[]): T[] {
  return after.map((token, at) => {
    const old = before?.[at];
    if (!old || old.type !== token.type) return token;
    return isSame(old, token) ? old : inner(old, token);
  });
}

/** Of the same source, and read the same way: the depth of a heading or the looseness of a list may turn up later. */
const isSame = <T extends Token>(old: Token, token: T): old is T =>
  old.raw === token.raw && ('loose' in old ? old['loose'] : 0) === ('loose' in token ? token['loose'] : 0);

function inner<T extends Token>(old: Token, token: T): T {
  if (isList(old) && isList(token)) return { ...token, items: share(old.items, token.items) };
  if (isTable(old) && isTable(token)) {
    const rows = token.rows.map((row, at) => (isSameRow(old.rows[at], row) ? (old.rows[at] ?? row) : row));
    return { ...token, header: isSameRow(old.header, token.header) ? old.header : token.header, rows };
  }
  if (old.type !== 'image' && 'tokens' in token && token.tokens) {
    return { ...token, tokens: share('tokens' in old ? old.tokens : undefined, token.tokens) };
  }
  return token;
}

const isList = (token: Token): token is Tokens.List => token.type === 'list';
const isTable = (token: Token): token is Tokens.Table => token.type === 'table';

const isSameRow = (old: readonly Tokens.TableCell[] | undefined, row: readonly Tokens.TableCell[]): boolean =>
  old?.length === row.length && row.every((cell, at) => cell.text === old[at]?.text && cell.align === old[at].align);
