import { beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '../../../commands/log/log.js';
import { passAll, startOfLog } from '../../../commands/log/store.js';
import { STATE } from '../../../domain/catalogue.js';
import { check } from './checker.js';
import type { History } from './history.js';
import { simulate } from './simulate.js';

// The checker is what all else hangs on: a world that was well is falsified in one place each, and it has to say so.

let well: History;

beforeAll(async () => {
  well = (await simulate(3)).history;
  expect(check(well)).toEqual([]);
});

type Writable = { -readonly [K in keyof Entry]: Entry[K] };

/** A copy, with one place changed by `change`. */
function falsified(change: (copy: History) => Partial<History> | void): readonly string[] {
  const copy = structuredClone(well);
  return check({ ...copy, ...change(copy) });
}

/** The places of valid records for which `is`, in the partition that has most of them. */
function places({ files }: History, is: (entry: Entry) => boolean): { file: Entry[]; at: readonly number[] } {
  const found = files.map((file) => ({
    file: [...file],
    at: passAll(
      startOfLog,
      file.map((entry, offset) => ({ offset, entry })),
    )
      .records.filter(({ entry }) => is(entry))
      .map(({ offset }) => offset),
  }));
  return found.toSorted((a, b) => b.at.length - a.at.length)[0] ?? { file: [], at: [] };
}
