import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type UiPlace, UiError, ensureUi, uiIsBuilt } from './ui.js';

let temp: string;
let place: UiPlace;
let builds: number;

const build = async (root: string, outDir: string): Promise<void> => {
  builds += 1;
  mkdirSync(outDir, { recursive: true });
  writeFileSync(join(outDir, 'index.html'), readFileSync(join(root, 'index.html')));
};
const page = (): string => readFileSync(join(place.dist, 'index.html'), 'utf8');

beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'verbatim-ui-'));
  place = {
    root: join(temp, 'ui'),
    lockfile: join(temp, 'package-lock.json'),
    dist: join(temp, 'ui/dist'),
    scratch: join(temp, 'scratch'),
  };
  mkdirSync(join(place.root, 'chat'), { recursive: true });
  writeFileSync(join(place.root, 'index.html'), 'first');
  writeFileSync(place.lockfile, '{}');
  builds = 0;
});
afterEach(() => rmSync(temp, { recursive: true, force: true }));

describe('the built page', () => {
  it('is built once for the same sources', async () => {
    expect(uiIsBuilt(place)).toBe(false);
    expect(await ensureUi(place, build)).toBe(place.dist);
    await ensureUi(place, build);
    expect(builds).toBe(1);
    expect(uiIsBuilt(place)).toBe(true);
    expect(page()).toBe('first');
  });

  it('is built again when a source, a file name or a dependency changes, whole in place of the old one', async () => {
    await ensureUi(place, build);
    writeFileSync(join(place.dist, 'old-chunk.js'), '');
    writeFileSync(join(place.root, 'index.html'), 'second');
    await ensureUi(place, build);
    expect(page()).toBe('second');
    expect(existsSync(join(place.dist, 'old-chunk.js'))).toBe(false);
    writeFileSync(join(place.root, 'chat/new.ts'), '');
    await ensureUi(place, build);
    writeFileSync(place.lockfile, '{"lockfileVersion":3}');
    await ensureUi(place, build);
    expect(builds).toBe(4);
  });

  it('does not change with its tests', async () => {
    await ensureUi(place, build);
    writeFileSync(join(place.root, 'chat/page.test.tsx'), '');
    expect(uiIsBuilt(place)).toBe(true);
  });

  it('is built once by two who start together', async () => {
    await Promise.all([ensureUi(place, build), ensureUi(place, build)]);
    expect(builds).toBe(1);
  });

  it('keeps the old page and says what was wrong when it cannot be built', async () => {
    await ensureUi(place, build);
    writeFileSync(join(place.root, 'index.html'), 'broken');
    const broken = async (): Promise<void> => {
      throw new UiError('no such import');
    };
    await expect(ensureUi(place, broken)).rejects.toMatchObject({ code: 'UI_BUILD_FAILED' });
    expect(page()).toBe('first');
    await ensureUi(place, build);
    expect(page()).toBe('broken');
  });
});
