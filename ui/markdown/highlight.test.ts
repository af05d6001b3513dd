import { describe, expect, it } from 'vitest';
import { highlight } from './highlight.js';

describe('the one place where HTML is made', () => {
  it('escapes everything that comes in', async () => {
    for (const language of [
      'html',
      'js',
      'ts',
      'css',
      'json',
      'bash',
      'sql',
      'yaml',
      'py',
      'go',
      'rust',
      'java',
      'c',
    ]) {
      const html = await highlight('<img src=x onerror="alert(1)"> \'"`&</script>', language);
      const page = document.createElement('div');
      page.innerHTML = html ?? '';
      expect(page.textContent).toBe('<img src=x onerror="alert(1)"> \'"`&</script>');
      expect([...page.querySelectorAll('*')].every(({ tagName }) => tagName === 'SPAN')).toBe(true);
      const names = [...page.querySelectorAll('*')].flatMap((element) => element.getAttributeNames());
      expect(new Set([...names, 'class'])).toEqual(new Set(['class']));
    }
  });

  it('leaves alone what it does not know', async () => {
    for (const language of ['', 'nonsense', '__proto__', 'constructor']) {
      expect(await highlight('x', language)).toBeUndefined();
    }
  });
});
