import { expect, it } from 'vitest';
import { type Fault, type Lane, kinds, lanes, planOf } from './plan.js';

function first(count: number, seed: number, lane: Lane): readonly Fault[] {
  const plan = planOf(seed, lane);
  return Array.from({ length: count }, () => plan.next().value);
}

it.each(lanes)('the plan of %s follows from its seed', (lane) => {
  expect(first(50, 7, lane)).toEqual(first(50, 7, lane));
  expect(first(50, 8, lane)).not.toEqual(first(50, 7, lane));
});

it.each(lanes)('the plan of %s has each kind once before any comes again', (lane) => {
  const count = kinds[lane].length;
  const drawn = first(3 * count, 7, lane).map(({ kind }) => kind);
  for (let round = 0; round < 3; round++) {
    expect(new Set(drawn.slice(round * count, (round + 1) * count))).toEqual(new Set(kinds[lane]));
  }
});

it('stops a worker for longer than its session lasts', () => {
  const frozen = first(60, 7, 'freezes');
  expect(Math.min(...frozen.map(({ lasts }) => lasts))).toBeGreaterThan(6_000);
});
