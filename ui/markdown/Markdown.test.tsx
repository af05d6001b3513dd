import { cleanup, render, waitFor } from '@solidjs/testing-library';
import { createSignal } from 'solid-js';
import { afterEach, describe, expect, it } from 'vitest';
import { Markdown, safeHref } from './Markdown.js';

afterEach(cleanup);

const show = (text: string): HTMLElement => render(() => <Markdown text={text} live={false} />).container;

describe('what a model writes', () => {
  it.each([
    '<script>globalThis.ran = true</script>',
    '<img src=x onerror="globalThis.ran = true">',
    'in a line <img src=x onerror=alert(1)> of text',
    '<iframe src="javascript:alert(1)"></iframe>',
    '- <svg onload=alert(1)>',
    '| <b>a</b> |\n| - |\n| <style>*{}</style> |',
    '> <form action=//evil><input></form>',
    '`<script>`',
    '```html\n<script>globalThis.ran = true</script>\n```',
    '# <math><mi xlink:href="javascript:alert(1)">x</mi></math>',
  ])('reaches the page only as text: %s', (text) => {
    const page = show(text);
    expect(page.querySelector('script, img, iframe, svg:not(.lucide), style, form, math, b')).toBeNull();
    expect([...page.querySelectorAll('*')].flatMap((found) => found.getAttributeNames())).not.toContain('onerror');
    const [tag = ''] = /<\w+/.exec(text) ?? [];
    expect(page.textContent).toContain(tag);
    expect(globalThis).not.toHaveProperty('ran');
  });

  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    '//evil.example',
    '/\\evil.example',
    'relative/path',
  ])('does not link to %s', (href) => {
    expect(safeHref(href)).toBeUndefined();
    const page = show(`[label](<${href.replace('\n', '')}>)`);
    expect(page.querySelector('a')).toBeNull();
    expect(page.textContent).toContain('label');
  });

  it.each(['https://example.org/a?b#c', 'http://example.org', 'mailto:a@example.org', '/path', '#part', '?q=1'])(
    'links to %s',
    (href) => {
      const link = show(`[label](${href})`).querySelector('a');
      expect(link?.getAttribute('href')).toBe(href);
      expect(link?.getAttribute('rel')).toContain('noopener');
    },
  );

  it('shows images as links, and loads none', () => {
    const page = show('![a cat](https://example.org/cat.png)');
    expect(page.querySelector('img')).toBeNull();
    expect(page.querySelector('a')?.textContent).toBe('a cat (image)');
  });

  it.each([
    ['# one\n\n## two\n\n### three\n\n# one', 'H2 H3 H4 H2'],
    ['### three\n\n### three\n\n# one\n\n###### six', 'H2 H2 H2 H3'],
    ['###### six\n\n##### five\n\n## two\n\n#### four', 'H2 H2 H2 H3'],
    ['# 1\n\n## 2\n\n### 3\n\n#### 4\n\n##### 5\n\n###### 6', 'H2 H3 H4 H5 H6 H6'],
  ])('has headings below the page’s own, and leaves no level out: %s', (text, levels) => {
    const headings = [...show(text).querySelectorAll('h1, h2, h3, h4, h5, h6')];
    expect(headings.map(({ tagName }) => tagName).join(' ')).toBe(levels);
  });

  it('reads lists, tasks, tables and characters by name', () => {
    expect([...show('- a\n- b\n  1. c').querySelectorAll('ul > li, ol > li')]).toHaveLength(3);
    const tasks = show('- [x] done\n- [ ] open');
    expect([...tasks.querySelectorAll('input')].map((box) => [box.checked, box.disabled])).toEqual([
      [true, true],
      [false, true],
    ]);
    expect(tasks.textContent).toBe('doneopen');
    const table = show('| a | b |\n| - | -: |\n| 1 | 2 |');
    expect(table.querySelector('td:last-child')?.getAttribute('data-align')).toBe('right');
    expect(show('a &amp; b &#8594; &unknown; \\*').textContent).toBe('a & b → &unknown; *');
    expect(show('`&lt;`').textContent).toBe('&lt;');
  });

  it('keeps what is finished on the page while more comes', () => {
    const [text, setText] = createSignal('First.\n\n- one');
    const { container } = render(() => <Markdown text={text()} live />);
    const first = container.querySelector('p');
    const item = container.querySelector('li');
    setText('First.\n\n- one\n- two\n\nLast **wo');
    expect(container.querySelector('p')).toBe(first);
    expect(container.querySelector('li')).toBe(item);
    expect(container.querySelector('strong')?.textContent).toBe('wo');
  });
});

describe('code', () => {
  it('is coloured once its fence is closed, and stays text', async () => {
    const page = show('```js\nconst a = "<img src=x onerror=alert(1)>";\n```');
    await waitFor(() => expect(page.querySelector('.hljs-keyword')?.textContent).toBe('const'));
    expect(page.querySelector('img')).toBeNull();
    expect(page.querySelector('code')?.textContent).toBe('const a = "<img src=x onerror=alert(1)>";');
  });

  it('is named by its language, and copied from a button', () => {
    const page = show('```python\nx = 1\n```');
    expect(page.querySelector('[role=group]')?.getAttribute('aria-label')).toBe('Code, python');
    expect(page.querySelector('button')?.getAttribute('aria-label')).toBe('Copy code');
  });
});
