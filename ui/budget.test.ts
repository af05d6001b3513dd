import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const KB = 1_000;

type Chunk = { file: string; isEntry?: boolean; imports?: string[]; css?: string[] };

/** What a browser must load before the first chat is there: the entry and all that it imports, but nothing lazy. */
describe('the first load', () => {
  let dist: string;
  let manifest: Record<string, Chunk>;

  beforeAll(async () => {
    dist = mkdtempSync(join(tmpdir(), 'verbatim-budget-'));
    const root = import.meta.dirname;
    await build({ root, configFile: join(root, 'vite.config.ts'), logLevel: 'error', build: { outDir: dist } });
    manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));
  }, 120_000);
  afterAll(() => rmSync(dist, { recursive: true, force: true }));

  function closure(name: string, seen = new Set<string>()): Set<string> {
    if (!seen.has(name)) {
      seen.add(name);
      for (const next of manifest[name]?.imports ?? []) closure(next, seen);
    }
    return seen;
  }
  const first = (): Chunk[] => {
    const entry = Object.keys(manifest).find((name) => manifest[name]?.isEntry) ?? '';
    return [...closure(entry)].flatMap((name) => manifest[name] ?? []);
  };
  const read = (file: string): Buffer => readFileSync(join(dist, file));
  const zipped = (files: string[]): number => files.reduce((sum, file) => sum + gzipSync(read(file)).length, 0);

  it('is at most 100 kB of scripts and 12 kB of styles, zipped', () => {
    const scripts = zipped(first().map(({ file }) => file));
    const styles = zipped([...new Set(first().flatMap(({ css }) => css ?? []))]);
    expect(scripts).toBeGreaterThan(20 * KB);
    expect(scripts).toBeLessThanOrEqual(100 * KB);
    expect(styles).toBeGreaterThan(1 * KB);
    expect(styles).toBeLessThanOrEqual(12 * KB);
  });

  it('is at most 350 kB of scripts, unzipped', () => {
    expect(first().reduce((sum, { file }) => sum + read(file).length, 0)).toBeLessThanOrEqual(350 * KB);
  });

  it('holds no colours of code, which come when there is code', () => {
    const text = first().map(({ file }) => read(file).toString());
    expect(text.some((script) => script.includes('registerLanguage'))).toBe(false);
  });

  it('writes no style into markup, which the content security policy would drop without a word', () => {
    const files = Object.values(manifest).map(({ file }) => file);
    const scripts = files.filter((file) => file.endsWith('.js')).map((file) => read(file).toString());
    // Solid compiles a constant style into the template; those of other elements are set by script and allowed.
    expect(scripts.filter((script) => /<\w+[^`'"<>]* style=/.test(script))).toEqual([]);
    expect(readFileSync(join(dist, 'index.html'), 'utf8')).not.toMatch(/ style=|<style/);
  });
});
