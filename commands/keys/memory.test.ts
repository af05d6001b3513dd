import { randomBytes } from 'node:crypto';
import { cacheKeys } from './cache.js';
import { keysContract } from './contract.js';
import { memoryKeys } from './memory.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

keysContract('memory', false, async () => {
  const keys = memoryKeys({ random });
  return { keys, close: () => keys.close(), reopen: async () => keys };
});

keysContract('a cache in front of memory', false, async () => {
  const keys = cacheKeys({ keys: memoryKeys({ random }), now: Date.now });
  return { keys, close: () => keys.close(), reopen: async () => keys };
});
