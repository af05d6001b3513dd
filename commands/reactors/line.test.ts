import { describe, expect, it } from 'vitest';
import { createLine } from './line.js';

const live = (): AbortSignal => new AbortController().signal;

/** Tells who got in, in order. */
function visitors(places: number) {
  const line = createLine(places);
  const inside: string[] = [];
  const come = async (name: string, signal = live()) => {
    const leave = await line(signal);
    inside.push(name);
    return leave;
  };
  return { come, inside };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a line', () => {
  it('lets in as many as there are places, and the others in the order of their coming', async () => {
    const { come, inside } = visitors(2);
    const leaving = ['a', 'b', 'c', 'd'].map((name) => come(name));
    await settled();
    expect(inside).toEqual(['a', 'b']);
    (await leaving[1])?.();
    await settled();
    expect(inside).toEqual(['a', 'b', 'c']);
    (await leaving[0])?.();
    await settled();
    come('e').catch(() => undefined);
    await settled();
    expect(inside).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets go whoever will not wait, without a place to give back', async () => {
    const { come, inside } = visitors(1);
    const first = await come('a');
    const stop = new AbortController();
    const impatient = come('b', stop.signal);
    const patient = come('c');
    stop.abort();
    (await impatient)();
    await settled();
    expect(inside).toEqual(['a', 'b']);
    first();
    await patient;
    expect(inside).toEqual(['a', 'b', 'c']);
  });

  it('does not lose a place to a signal that comes after the place', async () => {
    const { come, inside } = visitors(1);
    const stop = new AbortController();
    const leave = await come('a', stop.signal);
    stop.abort();
    const next = come('b');
    await settled();
    expect(inside).toEqual(['a']);
    leave();
    await next;
    expect(inside).toEqual(['a', 'b']);
  });

  it('gives no place to whom the signal has told already', async () => {
    const { come, inside } = visitors(1);
    await come('a', AbortSignal.abort());
    await come('b');
    expect(inside).toEqual(['a', 'b']);
  });
});
