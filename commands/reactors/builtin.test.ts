import { describe, expect, it } from 'vitest';
import { builtInResponder, builtInTitler } from './builtin.js';
import type { Turn } from './reactor.js';

const waits: number[] = [];
const responder = builtInResponder(async (ms) => {
  waits.push(ms);
});

async function answer(text: string, earlier: readonly Turn[] = [], signal = new AbortController().signal) {
  waits.length = 0;
  const pieces: string[] = [];
  for await (const piece of responder.respond([...earlier, { role: 'user', text }], signal)) pieces.push(piece);
  return { pieces, text: pieces.join('') };
}

describe('the built-in responder', () => {
  it('says plainly that no model is connected, and names itself as none', async () => {
    expect((await answer('Hello')).text).toMatch(/^No language model is connected to this installation/);
    expect(responder).toMatchObject({ endpoint: 'built-in', model: 'echo' });
  });

  it('counts what arrived', async () => {
    const { text } = await answer('Tell me  a\nstory.');
    expect(text).toContain('**4 words**, 17 characters');
    expect(text).toContain('the first message of this conversation');
    expect((await answer('x')).text).toContain('**1 word**, 1 character\n');
    expect((await answer('')).text).toContain('**0 words**, 0 characters');
  });

  it('knows how much came before', async () => {
    const earlier: Turn[] = [
      { role: 'user', text: 'a' },
      { role: 'assistant', text: 'b' },
    ];
    expect((await answer('c', earlier)).text).toContain('2 messages before it on this branch');
  });

  it('quotes line by line, and leaves code as it is', async () => {
    expect((await answer('One.\n\nTwo.')).text).toMatch(/\n> One\.\n> \n> Two\.$/);
    const code = 'Look:\n```js\nconst  a = 1;\n    deep();\n```';
    expect((await answer(code)).text.endsWith(code)).toBe(true);
  });

  it('speaks in small pieces at a readable pace: a long prompt gives a long stream', async () => {
    const { pieces, text } = await answer('word '.repeat(1_000).trim());
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(60);
    expect(waits.every((ms) => ms >= 25 && ms <= 33)).toBe(true);
    expect(waits).toHaveLength(pieces.length);
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(5_000);
    expect(text.match(/word/g)?.length).toBeGreaterThanOrEqual(1_000);
  });

  it('cuts very long words, but no character', async () => {
    const { pieces, text } = await answer(`a${'🙂'.repeat(500)}`);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(60);
    expect(pieces.every((piece) => piece.isWellFormed())).toBe(true);
    expect(text).toContain('🙂'.repeat(500));
  });

  it('falls silent when it is stopped', async () => {
    const stop = new AbortController();
    const heard: string[] = [];
    for await (const piece of responder.respond([{ role: 'user', text: 'Hello' }], stop.signal)) {
      heard.push(piece);
      if (heard.length === 3) stop.abort();
    }
    expect(heard).toHaveLength(3);
  });
});

describe('the built-in titler', () => {
  const title = (...turns: readonly Turn[]) => builtInTitler.title(turns, new AbortController().signal);

  it.each([
    ['Hello', 'Hello'],
    ['Plan a trip to Rome. We are five people.', 'Plan a trip to Rome'],
    ['What is the capital of France? And of Spain?', 'What is the capital of France?'],
    ['Hi. Can you plan a trip?', 'Hi. Can you plan a trip?'],
    ['Wait for it...', 'Wait for it...'],
    ['Version 1.2 of node.js is old', 'Version 1.2 of node.js is old'],
    ['这是第一句话，写得很清楚。第二句。', '这是第一句话，写得很清楚。'],
    ['\n\n## Plan **this**, `now`\nand more', 'Plan this, now'],
    ['> - [A link](https://example.org/x) to snake_case and _this_', 'A link to snake_case and this'],
    ['```js\nconst answer = 42\n```', 'const answer = 42'],
    ['```\n```', '```'],
    ['***\n---\nAfter the rule', 'After the rule'],
    ['word '.repeat(30), `${'word '.repeat(11)}word…`],
    ['x'.repeat(80), `${'x'.repeat(60)}…`],
    [`${'x'.repeat(59)}😀😀`, `${'x'.repeat(59)}…`],
    ['', ''],
  ])('makes of %j the title %j', async (text, expected) => {
    expect(await title({ role: 'user', text }, { role: 'assistant', text: 'An answer.' })).toBe(expected);
  });

  it('takes what the person said first', async () => {
    const said = ['First of all', 'Then this'].map((text): Turn => ({ role: 'user', text }));
    expect(await title({ role: 'assistant', text: 'Welcome.' }, ...said)).toBe('First of all');
  });

  it('comes to an end with any text', async () => {
    const begun = performance.now();
    for (const unit of ['[', '![](', '_', '*', '> ', '. ', '1)']) {
      expect((await title({ role: 'user', text: unit.repeat(50_000) })).length).toBeLessThanOrEqual(61);
    }
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});
