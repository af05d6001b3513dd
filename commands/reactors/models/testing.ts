import { setImmediate as turn } from 'node:timers/promises';
import type { Responder, Titler } from '../reactor.js';

/** A responder whose answers are written by the test: each call of `respond` waits for what is said and how it ends. */
export function scripted() {
  type Call = { say(piece: string): void; end(): void; fail(error: Error): void; readonly signal: AbortSignal };
  const calls: Call[] = [];
  const waiting = new Set<() => void>();
  const responder: Responder = {
    endpoint: 'scripted',
    model: 'test',
    async *respond(_, signal) {
      const said: (string | Error | undefined)[] = [];
      let wake = (): void => undefined;
      const put = (what: string | Error | undefined): void => {
        said.push(what);
        wake();
      };
      calls.push({ say: put, end: () => put(undefined), fail: put, signal });
      for (const each of waiting) each();
      for (;;) {
        while (said.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const what = said.shift();
        if (what === undefined) return;
        if (typeof what !== 'string') throw what;
        yield what;
      }
    },
  };
  /** The n-th call, as soon as it comes. */
  const call = async (n: number): Promise<Call> => {
    for (;;) {
      const found = calls[n];
      if (found) return found;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  };
  return { responder, call, calls };
}

/** A responder and a titler that are quick, and count how often they were asked. */
export function quick() {
  const asked = { responder: 0, titler: 0 };
  const responder: Responder = {
    endpoint: 'quick',
    model: 'test',
    async *respond() {
      asked.responder++;
      await turn();
      yield 'An answer.';
    },
  };
  const titler: Titler = {
    endpoint: 'quick',
    model: 'test',
    title: async () => {
      asked.titler++;
      await turn();
      return 'A title';
    },
  };
  return { asked, responder, titler };
}
