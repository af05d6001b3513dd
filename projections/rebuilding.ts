import { type Beside, orGone, readGenerations } from './generations.js';
import { readLeading } from './beside.js';
import type { Queryable } from './readmodel/db.js';

/**
 * How far a rebuild is. `done` and `of` are records of the log; `rate` is records/s since it began, `left` seconds, where
 * they are known.
 */
export type Rebuilding = {
  readonly view: string;
  /** The generation that readers see, and the one beside it. */
  readonly live: number;
  readonly generation: number;
  readonly phase: Beside['phase'] | 'verifying';
  readonly done: number;
  readonly of: number;
  readonly rate: number | undefined;
  readonly left: number | undefined;
  /** In what the two generations differ, or what stopped it. */
  readonly note: string | null;
};

/** How far the generation beside the live one is, as the database tells whoever asks. `now` is ms since 1970. */
export async function readRebuilding(db: Queryable, view: string, now: number): Promise<Rebuilding | undefined> {
  const { live: shown, beside } = await readGenerations(db, view);
  if (!shown || !beside) return undefined;
  const [done = 0, of = 0] = [beside, shown].map(({ checkpoints }) =>
    checkpoints.reduce((sum, { offset }) => sum + offset, 0),
  );
  const { number: generation, phase, note } = beside;
  const told = { view, live: shown.number, generation, note, done, of };
  if (phase !== 'filling') return { ...told, phase, rate: undefined, left: undefined };
  const seconds = (now - beside.since) / 1_000;
  const rate = seconds > 0 ? done / seconds : undefined;
  const left = rate ? Math.max(of - done, 0) / rate : undefined;
  const leading = (await orGone(readLeading(db, view, generation))) ?? [];
  const isVerifying = done >= of || leading.some(Boolean);
  return { ...told, phase: isVerifying ? 'verifying' : phase, rate, left };
}
