import { describe, expect, it } from 'vitest';
import { type Wait, within } from './wait.js';

const never = new Promise<never>(() => undefined);
const tooLate = (): Error => new Error('too late');

/** A wait that ends when it is told to, or with the signal. */
function waiting() {
  const waits: { readonly ms: number; readonly signal: AbortSignal | undefined; readonly end: () => void }[] = [];
  const wait: Wait = (ms, signal) =>
    new Promise((resolve) => {
      waits.push({ ms, signal, end: resolve });
      signal?.addEventListener('abort', () => resolve());
    });
  return { wait, waits };
}

describe('work within a time', () => {
  it('comes to what it comes to, and then nothing waits any more', async () => {
    const { wait, waits } = waiting();
    let made = 0;
    const late = (): Error => (made++, tooLate());
    expect(await within(70, Promise.resolve('done'), wait, late)).toBe('done');
    await expect(within(70, Promise.reject(new Error('broken')), wait, late)).rejects.toThrow('broken');
    expect(waits.map(({ ms, signal }) => [ms, signal?.aborted])).toEqual([
      [70, true],
      [70, true],
    ]);
    expect(made).toBe(0);
  });

  it('that takes longer is given up', async () => {
    const { wait, waits } = waiting();
    const given = within(70, never, wait, tooLate);
    waits[0]?.end();
    await expect(given).rejects.toThrow('too late');
  });
});
