import { randomFillSync } from 'node:crypto';

const POOL = 8 * 1024;

/**
 * Random bytes fit for keys, drawn from a pool: a few of them cost as much to ask for as many. What is handed out is a
 * copy and leaves the pool, so nobody gets it again or finds it there.
 */
export function pooledRandom(): (bytes: number) => Uint8Array {
  const pool = new Uint8Array(POOL);
  let at = POOL;
  return (bytes) => {
    if (bytes > POOL) return randomFillSync(new Uint8Array(bytes));
    if (at + bytes > POOL) {
      randomFillSync(pool);
      at = 0;
    }
    const drawn = pool.slice(at, at + bytes);
    pool.fill(0, at, at + bytes);
    at += bytes;
    return drawn;
  };
}
