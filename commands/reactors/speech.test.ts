import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../domain/content.js';
import { type SpeechOptions, listen } from './speech.js';

const live = (): AbortSignal => new AbortController().signal;

async function* from(pieces: readonly string[]): AsyncGenerator<string> {
  for (const piece of pieces) {
    await turn();
    yield piece;
  }
}

/** Listens, and notes what was shown; every delta must join on to the text before it. */
async function hear(pieces: AsyncIterable<string>, more: Partial<SpeechOptions> = {}) {
  const shown: string[] = [];
  let text = '';
  const show = (offset: number, delta: string): void => {
    expect(offset).toBe(text.length);
    expect(delta.isWellFormed()).toBe(true);
    expect(delta).not.toBe('');
    text += delta;
    shown.push(delta);
  };
  const speech = await listen({ pieces, show, stop: live(), gone: live(), now: () => 0, wait: () => turn(), ...more });
  return { speech, shown, text };
}

describe('listening', () => {
  it('shows all that is said, and keeps it', async () => {
    const { speech, text } = await hear(from(['Hello', ', ', 'world', '.']));
    expect(speech).toEqual({ text: 'Hello, world.', tokens: 4, firstTokenMs: 0, latencyMs: 0, finish: 'stop' });
    expect(text).toBe('Hello, world.');
  });

  it('shows together what comes within one window', async () => {
    const windows: (() => void)[] = [];
    const asked: number[] = [];
    const wait = (ms: number): Promise<void> => {
      asked.push(ms);
      return new Promise((resolve) => windows.push(resolve));
    };
    const pieces = async function* () {
      yield 'a';
      yield 'b';
      windows.shift()?.();
      await turn();
      yield 'c';
      yield 'd';
      windows.shift()?.();
      await turn();
    };
    const { shown } = await hear(pieces(), { wait });
    expect(shown).toEqual(['ab', 'cd']);
    expect(asked.every((ms) => ms >= 30 && ms <= 50)).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it('measures the first piece and the whole', async () => {
    let now = 1_000;
    const pieces = async function* () {
      now += 70;
      yield 'a';
      now += 400;
      yield 'b';
    };
    const { speech } = await hear(pieces(), { now: () => now });
    expect(speech).toMatchObject({ firstTokenMs: 70, latencyMs: 470, tokens: 2 });
  });

  it('never cuts a surrogate pair, however the pieces fall; half a one becomes U+FFFD', async () => {
    const unit = fc.constantFrom('a', '\ud83d', '\ude42', '\ud83d\ude42', 'é');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit, maxLength: 4 }), { maxLength: 8 }), async (pieces) => {
        const { speech, text } = await hear(from(pieces));
        expect(speech.text).toBe(pieces.join('').toWellFormed());
        expect(text).toBe(speech.text);
      }),
      { numRuns: 60 },
    );
  });

  it('ends with the text so far when it fails, and says why', async () => {
    const fault = new Error('the model is gone');
    const pieces = async function* () {
      yield 'so far';
      throw fault;
    };
    const { speech, text } = await hear(pieces());
    expect(speech).toMatchObject({ text: 'so far', failure: fault });
    expect(text).toBe('so far');
  });

  it('ends with the text so far when it is stopped, even by a responder that is deaf', async () => {
    const stop = new AbortController();
    const deaf = async function* () {
      yield 'so far';
      stop.abort();
      await new Promise(() => undefined);
    };
    const { speech, text } = await hear(deaf(), { stop: stop.signal });
    expect(speech.text).toBe('so far');
    expect(speech).not.toHaveProperty('failure');
    expect(text).toBe('so far');
  });

  it('takes an error for the stop that caused it', async () => {
    const stop = new AbortController();
    const pieces = async function* () {
      yield 'a';
      stop.abort();
      throw new DOMException('aborted', 'AbortError');
    };
    expect((await hear(pieces(), { stop: stop.signal })).speech).not.toHaveProperty('failure');
  });

  it('shows not another word when it is gone', async () => {
    const gone = new AbortController();
    const pieces = async function* () {
      yield 'a';
      await turn();
      await turn();
      yield 'b';
      gone.abort();
      yield 'c';
    };
    const { text } = await hear(pieces(), { gone: gone.signal });
    expect('abc'.startsWith(text)).toBe(true);
    expect(text).not.toContain('c');
  });

  it.each([
    ['characters', 'x', limits.message],
    // 190,000 bytes, three a character.
    ['bytes', '語', 63_333],
  ])('ends where a message has no more room for %s', async (_, letter, room) => {
    const { speech, text } = await hear(from([letter.repeat(40_000), letter.repeat(40_000), letter.repeat(40_000)]));
    expect(speech).toMatchObject({ finish: 'length' });
    expect(speech.text).toHaveLength(room);
    expect(text).toBe(speech.text);
  });

  it('does not cut a pair where the room ends', async () => {
    const { speech, text } = await hear(from(['x'.repeat(limits.message - 1), '🙂']));
    expect(speech).toMatchObject({ finish: 'length', text: 'x'.repeat(limits.message - 1) });
    expect(text).toBe(speech.text);
  });
});
