import { describe, expect, it } from 'vitest';
import { createLimiter } from './limiter.js';

const clock = () => {
  let at = 1_000_000;
  return { now: () => at, pass: (ms: number) => void (at += ms) };
};

describe('the limiter', () => {
  it('lets so many attempts pass in a window, and says how long the next one has to wait', () => {
    const { now, pass } = clock();
    const limiter = createLimiter({ now, most: 3, window: 60_000 });
    expect([1, 2, 3].map(() => limiter.attempt('ada'))).toEqual([0, 0, 0]);
    expect(limiter.attempt('ada')).toBe(60);
    pass(59_001);
    expect(limiter.attempt('ada')).toBe(1);
    pass(999);
    expect(limiter.attempt('ada')).toBe(0);
  });

  it('does not count one name for another, nor an attempt that is forgiven', () => {
    const limiter = createLimiter({ now: () => 0, most: 1, window: 60_000 });
    expect(limiter.attempt('ada')).toBe(0);
    expect(limiter.attempt('bob')).toBe(0);
    limiter.forgive('ada');
    limiter.forgive('ada');
    limiter.forgive('nobody');
    expect(limiter.attempt('ada')).toBe(0);
    expect(limiter.attempt('ada')).toBeGreaterThan(0);
    expect(limiter.attempt('bob')).toBeGreaterThan(0);
  });

  it('forgets the oldest name when it has no more room', () => {
    const limiter = createLimiter({ now: () => 0, most: 1, window: 60_000, room: 2 });
    for (const name of ['first', 'second', 'third']) limiter.attempt(name);
    expect(limiter.attempt('third')).toBeGreaterThan(0);
    expect(limiter.attempt('second')).toBeGreaterThan(0);
    expect(limiter.attempt('first')).toBe(0);
  });
});
