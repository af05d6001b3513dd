import fc from 'fast-check';
import { Lexer, type Token } from 'marked';
import { describe, expect, it } from 'vitest';
import { type Blocks, noBlocks, readBlocks } from './blocks.js';

const everything = `# A title

A paragraph with **bold**, *em*, \`code\`, a [link](https://example.org) and
a second line.

Setext
======

- one
- two
  - deeper
  - and deeper

    with a paragraph

- loose

1. first
2. second

> quoted
> > twice
lazy

\`\`\`ts
const a = 1;

# not a title
\`\`\`

| a | b |
| - | -: |
| 1 | 2 |
| 3 | \`x\\|y\` |

~~~
tilde
~~~

    indented code

***

<div>
html
</div>

- [ ] open
- [x] done

The end.`;

const whole = (text: string): Token[] => new Lexer({ gfm: true }).lex(text).filter(({ type }) => type !== 'space');

/** Without what only the lexer's place in the text decides: how many line ends a block is followed by. */
const shape = (tokens: readonly Token[]): unknown =>
  JSON.parse(JSON.stringify(tokens, (key, value) => (key === 'raw' ? String(value).trimEnd() : value)));

function stream(text: string, size: number, each: (blocks: Blocks) => void = () => undefined): Blocks {
  let blocks = noBlocks;
  for (let end = size; end < text.length + size; end += size) {
    blocks = readBlocks(blocks, text.slice(0, end), true);
    each(blocks);
  }
  return blocks;
}

describe('markdown as it grows', () => {
  it.each(Array.from({ length: 16 }, (_, n) => n + 1))('in pieces of %i reads as the whole does', (size) => {
    expect(shape(stream(everything, size).tokens)).toEqual(shape(whole(everything)));
  });

  it('reads any mix of blocks in any pieces as the whole does', () => {
    const block = fc.constantFrom(
      'words *and* more',
      '- a\n- b',
      '1. a\n\n   b',
      '> q\n> r',
      '```js\nx\n\n- y\n```',
      '| a |\n| - |\n| 1 |',
      '## h',
      '---',
      '* star\n\n* loose',
      '    code',
      '<b>x</b>',
      '#tag and 1.5',
      '-x\n+1',
      '---x',
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(block, fc.constantFrom('\n', '\n\n', '\n\n\n')), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 16 }),
        (parts, size) => {
          // Its last word is closed and whole: an open end is healed for the eye, and so differs on purpose.
          const text = `${parts.map(([source, gap]) => source + gap).join('')}\n\nend`;
          const streamed = stream(text, size);
          expect(shape(streamed.tokens)).toEqual(shape(whole(text)));
          expect(shape(readBlocks(streamed, text, false).tokens)).toEqual(shape(whole(text)));
        },
      ),
    );
  });

  it('never changes a finished block again', () => {
    let before: Blocks = noBlocks;
    stream(everything, 3, (blocks) => {
      for (const [at, token] of before.tokens.slice(0, before.finished).entries())
        expect(blocks.tokens[at]).toBe(token);
      before = blocks;
    });
    expect(before.finished).toBeGreaterThan(10);
  });

  it('keeps the rows of a table and the items of a list that did not change', () => {
    const rows = (count: number): string =>
      `| a |\n| - |\n${Array.from({ length: count }, (_, n) => `| ${n} |\n`).join('')}`;
    const [one] = readBlocks(noBlocks, rows(5), true).tokens;
    const [two] = readBlocks(readBlocks(noBlocks, rows(5), true), rows(6), true).tokens;
    expect(one?.type).toBe('table');
    const list = readBlocks(noBlocks, '- a\n- b\n- c', true);
    const grown = readBlocks(list, '- a\n- b\n- cd', true);
    if (list.tokens[0]?.type !== 'list' || grown.tokens[0]?.type !== 'list') throw new Error('these are lists');
    expect(grown.tokens[0]['items'][0]).toBe(list.tokens[0]['items'][0]);
    expect(grown.tokens[0]['items'][2]).not.toBe(list.tokens[0]['items'][2]);
    if (two?.type !== 'table') throw new Error('this is a table');
    expect(two['rows']).toHaveLength(6);
  });

  it('shows no half-written marks, but leaves code alone', () => {
    const first = (text: string): string => JSON.stringify(readBlocks(noBlocks, text, true).tokens);
    expect(first('so **bo')).toContain('"type":"strong"');
    expect(first('see [here](htt')).not.toContain('](htt');
    for (const mark of ['-', '1', '1.', '#', '##', '=', '--', '---', '|', '> -', '- ']) {
      const half = readBlocks(noBlocks, `- a\n${mark}`, true);
      expect(shape(half.tokens)).toEqual(shape(readBlocks(noBlocks, '- a', true).tokens));
    }
    const [fence] = readBlocks(noBlocks, '```ts\nconst a = **', true).tokens;
    expect(fence).toMatchObject({ type: 'code', lang: 'ts', text: 'const a = **' });
  });

  it('finds a reference that is defined further down', () => {
    const text = 'See [it][x].\n\nMore.\n\n[x]: https://example.org\n';
    expect(JSON.stringify(stream(text, 4).tokens)).toContain('"href":"https://example.org"');
  });

  it.each([
    ['quotes in quotes', `${'>'.repeat(20_000)}x`],
    ['stars', '*a '.repeat(20_000)],
    ['open brackets', '[\n'.repeat(20_000)],
  ])('shows %s as they stand: no reader of markdown would come to an end of them', (_, text) => {
    const growing = readBlocks(readBlocks(noBlocks, text.slice(0, -10), true), text, true);
    for (const { tokens } of [growing, readBlocks(noBlocks, text, false)]) {
      expect(tokens.map(({ type, raw }) => [type, raw])).toEqual([['paragraph', text]]);
    }
  });

  it.each([
    ['a line without an end', 'x'.repeat(200_000), 'paragraph'],
    ['a wide table', `|${'a|'.repeat(2_000)}\n|${'-|'.repeat(2_000)}\n|${'b|'.repeat(2_000)}`, 'table'],
    ['a long list', '- item\n'.repeat(5_000), 'list'],
    ['code full of stars', `\`\`\`\n${'*'.repeat(20_000)}\n\`\`\``, 'code'],
  ])('reads %s', (_, text, type) => {
    expect(readBlocks(noBlocks, text, false).tokens.map((token) => token.type)).toEqual([type]);
  });

  it('begins anew with another text', () => {
    const before = readBlocks(noBlocks, 'one\n\ntwo', true);
    expect(readBlocks(before, 'three', true).tokens).toHaveLength(1);
  });
});
