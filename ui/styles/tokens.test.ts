import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const css = readFileSync(join(import.meta.dirname, 'tokens.css'), 'utf8');

/** The colours of one theme, by name. */
function colours(block: string): Map<string, readonly number[]> {
  const [, body = ''] = css.split(block);
  const [own = ''] = body.split('}');
  const found = own.matchAll(/--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/g);
  return new Map([...found].map(([, name = '', ...numbers]) => [name, numbers.map(Number)]));
}

/** Relative luminance (WCAG) of a colour in OKLCH, by way of OKLab and linear sRGB. */
function luminance([l = 0, chroma = 0, hue = 0]: readonly number[]): number {
  const [a, b] = [chroma * Math.cos((hue * Math.PI) / 180), chroma * Math.sin((hue * Math.PI) / 180)];
  const [x, y, z] = [
    (l + 0.3963377774 * a + 0.2158037573 * b) ** 3,
    (l - 0.1055613458 * a - 0.0638541728 * b) ** 3,
    (l - 0.0894841775 * a - 1.291485548 * b) ** 3,
  ];
  const rgb = [
    4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z,
    -1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z,
    -0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z,
  ].map((channel) => Math.min(Math.max(channel, 0), 1));
  const [red = 0, green = 0, blue = 0] = rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: readonly number[] | undefined, other: readonly number[] | undefined): number {
  if (!one || !other) return 0;
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const pairs = [
  ...['bg', 'side', 'raised', 'hover', 'field'].flatMap((on) => ['fg', 'muted'].map((text) => [text, on] as const)),
  ...['faint', 'accent', 'danger'].flatMap((text) => ['bg', 'side', 'field'].map((on) => [text, on] as const)),
  // The other way round: text on a filled button, and the initial of a name.
  ...['fg', 'accent', 'danger'].map((on) => ['bg', on] as const),
];

describe.each([':root {', '.dark {'])('the colours of %s', (block) => {
  it('are computed rightly', () => {
    expect(contrast([1, 0, 0], [0, 0, 0])).toBeCloseTo(21, 1);
  });

  it.each(pairs)('%s can be read on %s', (text, on) => {
    const theme = colours(block);
    expect(contrast(theme.get(text), theme.get(on))).toBeGreaterThanOrEqual(4.5);
  });
});
