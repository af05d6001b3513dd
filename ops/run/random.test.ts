import { expect, it } from 'vitest';
import { pooledRandom } from './random.js';

it('draws as many bytes as asked for, and never the same or none twice, over many pools', () => {
  const random = pooledRandom();
  const drawn = Array.from({ length: 3_000 }, (_, n) => random(8 + (n % 30)));
  expect(drawn.map(({ length }) => length)).toEqual(drawn.map((_, n) => 8 + (n % 30)));
  const starts = drawn.map((bytes) => bytes.subarray(0, 8).join());
  expect(new Set(starts).size).toBe(drawn.length);
  expect(starts).not.toContain('0,0,0,0,0,0,0,0');
});

it('hands out copies: what one holds is not changed by what the next draws', () => {
  const random = pooledRandom();
  const first = random(32);
  const before = [...first];
  for (let n = 0; n < 1_000; n++) random(32).fill(1);
  expect([...first]).toEqual(before);
  expect(first.buffer.byteLength).toBe(32);
});

it('draws more than a pool at once', () => {
  const bytes = pooledRandom()(100_000);
  expect(bytes.length).toBe(100_000);
  expect(new Set(bytes).size).toBe(256);
});
