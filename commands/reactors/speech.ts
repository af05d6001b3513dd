import { limits } from '../../domain/content.js';
import type { Wait } from '../wait.js';

/** What an attempt has said, and how that ended. */
export type Speech = {
  readonly text: string;
  /** Pieces, for want of a tokenizer. */
  readonly tokens: number;
  readonly firstTokenMs: number;
  readonly latencyMs: number;
  readonly finish: 'stop' | 'length';
  /** What went wrong, if anything did. */
  readonly failure?: unknown;
};

export type SpeechOptions = {
  readonly pieces: AsyncIterable<string>;
  /** Told of text that is new, and its offset in UTF-16 units. Never cuts a surrogate pair. */
  readonly show: (offset: number, text: string) => void;
  /** Ends it with the text so far. */
  readonly stop: AbortSignal;
  /** Ends it without another word: nobody waits for it any more. */
  readonly gone: AbortSignal;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly wait: Wait;
};

/** Pieces that come within one window are shown together. */
const WINDOW_MS = 40;

/** How many bytes of UTF-8 fit into one command (256 KB), sealed and in base64. */
const ROOM = 190_000;

/**
 * Listens until the pieces end, fail, grow too long, or a signal comes; it does not wait for a responder that is deaf
 * to signals. Never throws.
 */
export async function listen({ pieces, show, stop, gone, now, wait }: SpeechOptions): Promise<Speech> {
  const begun = now();
  const enough = AbortSignal.any([stop, gone]);
  let text = '';
  let bytes = 0;
  let tokens = 0;
  let firstTokenMs = 0;
  let finish: Speech['finish'] = 'stop';
  let failure: unknown;

  let shown = 0;
  let windowOpen = false;
  const showAll = (): void => {
    const end = wholeEnd(text);
    if (end <= shown || gone.aborted) return;
    show(shown, text.slice(shown, end).toWellFormed());
    shown = end;
  };
  const showSoon = async (): Promise<void> => {
    if (windowOpen) return;
    windowOpen = true;
    await wait(WINDOW_MS, enough);
    windowOpen = false;
    showAll();
  };

  const iterator = pieces[Symbol.asyncIterator]();
  const ending = aborted(enough);
  try {
    while (finish === 'stop') {
      const next = await Promise.race([iterator.next(), ending]);
      if (next === undefined || next.done === true) break;
      if (tokens++ === 0) firstTokenMs = now() - begun;
      const size = Buffer.byteLength(next.value);
      const room = limits.message - text.length;
      // A UTF-16 unit takes at most three bytes.
      const fits = bytes + size <= ROOM ? room : Math.min(room, Math.floor((ROOM - bytes) / 3));
      text += next.value.slice(0, fits);
      bytes += size;
      if (next.value.length > fits) finish = 'length';
      showSoon().catch(() => undefined);
    }
  } catch (error) {
    if (!enough.aborted) failure = error;
  }
  // Not awaited: a responder that hangs would never return.
  iterator.return?.().catch(() => undefined);
  text = finish === 'length' ? text.slice(0, wholeEnd(text)) : text.toWellFormed();
  showAll();
  const spoken: Speech = { text: text.toWellFormed(), tokens, firstTokenMs, latencyMs: now() - begun, finish };
  return failure === undefined ? spoken : { ...spoken, failure };
}

/** Where the text can be cut without cutting a surrogate pair. */
const wholeEnd = (text: string): number => {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last < 0xdc00 ? text.length - 1 : text.length;
};

/** Resolves with the signal. */
export const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
