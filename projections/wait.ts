import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves after so many ms, or with the signal. Never rejects. */
export type Wait = (ms: number, signal?: AbortSignal) => Promise<void>;

export const wait: Wait = (ms, signal) => sleep(ms, undefined, signal && { signal }).catch(() => undefined);
