import { expect, it } from 'vitest';
import { type Fault, type Kind, type Lane, kinds, lanes, planOf } from './plan.js';

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

const durations = (lane: Lane, wanted: Kind): readonly number[] =>
  first(60, 7, lane)
    .filter(({ kind }) => kind === wanted)
    .map(({ lasts }) => lasts);

it.each([
  ['freezes', 'freeze a worker'],
  ['moments', 'stop a worker between flush and commit'],
] as const)('of %s, %s lasts longer than its session', (lane, kind) => {
  expect(Math.min(...durations(lane, kind))).toBeGreaterThan(6_000);
});

it('keeps from the others that a reply has ended until they have taken over from a dead assistant, and answered', () => {
  const hidden = durations('moments', 'kill an assistant between the end of a reply and its checkpoint');
  expect(Math.min(...hidden)).toBeGreaterThan(13_000);
});

it('holds a flush for less than a worker waits for its store, and for more', () => {
  const held = durations('moments', 'evict during a flush');
  expect(Math.min(...held)).toBeLessThan(5_000);
  expect(Math.max(...held)).toBeGreaterThan(5_000);
});
