import type { Dice } from '../../ops/chaos/simulation/dice.js';

const texts = [
  '',
  ' ',
  'x',
  'null',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '\u0000',
  '\ud800',
  '\udc00\ud800',
  '🙂'.repeat(50),
  '\u202eabc',
  "'; DROP TABLE messages; --",
  '1e400',
  'x'.repeat(300),
  'NaN',
  '2026-13-45T99:99:99Z',
  'conversation_',
  'message_00000000-0000-0000-0000-000000000000',
  'user_zzzzzzzz-0000-7000-8000-000000000000',
];

export const randomText = (dice: Dice): string =>
  dice.chance(0.002) ? 'y'.repeat(dice.int(1, 100_000)) : (dice.among(texts) ?? '');

/** Any JSON at all; names among its keys that are something in JavaScript. */
export function randomJson(dice: Dice, deep: number): unknown {
  switch (dice.int(0, deep > 0 ? 7 : 5)) {
    case 0:
      return null;
    case 1:
      return dice.chance(0.5);
    case 2:
      return dice.pick([0, -0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324]);
    case 6:
      return Array.from({ length: dice.int(0, 4) }, () => randomJson(dice, deep - 1));
    case 7: {
      const names = [
        '__proto__',
        'constructor',
        'prototype',
        'input',
        'v0',
        'v1',
        'id',
        'first',
        'length',
        'then',
        'toJSON',
      ];
      // By a text, for an object literal would take __proto__ for its prototype.
      const entries = Array.from(
        { length: dice.int(0, 4) },
        () => `${JSON.stringify(dice.among(names))}:${JSON.stringify(randomJson(dice, deep - 1))}`,
      );
      return JSON.parse(`{${entries.join(',')}}`);
    }
    default:
      return randomText(dice);
  }
}

/** An array inside an array inside an array, as text. */
export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
