import type { Chunk, Cursor } from './log.js';
import { sameFence } from './fence.js';
import { type Place, startOfLog, timeOf } from './store.js';

/** Cursors that are known to be true, a few of each partition, in memory: what has been read need not be folded again. */
export type Marks = {
  /** The last one at or before an offset, or before a time. */
  before(partition: number, place: Place): Cursor;
  /** Notes that a cursor is true. */
  vouch(partition: number, cursor: Cursor): void;
  /** Takes in what is read from a cursor on, if that is known to be true. */
  reading(partition: number, from: Cursor): (chunk: Chunk) => void;
};

/** `at` is the newest time before it ('' if there is none), where that is known. */
type Mark = { readonly cursor: Cursor; readonly at?: string | undefined };

/** One in so many records, at first; twice as many whenever there are too many marks. */
const EVERY = 1_000;
const MOST = 1_000;

export function openMarks(partitions: number): Marks {
  const start: Mark = { cursor: startOfLog, at: '' };
  const all = Array.from({ length: partitions }, () => ({ marks: [start], every: EVERY }));

  /** Where the first mark behind an offset is, or would be. */
  const placeIn = (marks: readonly Mark[], offset: number): number => {
    let [low, high] = [0, marks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((marks[middle]?.cursor.offset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const add = (partition: number, mark: Mark, always: boolean): void => {
    const group = all[partition];
    if (!group) return;
    const at = placeIn(group.marks, mark.cursor.offset);
    const distance = mark.cursor.offset - (group.marks[at - 1]?.cursor.offset ?? 0);
    if (distance === 0 || (distance < group.every && !always)) return;
    group.marks.splice(at, 0, mark);
    if (group.marks.length <= MOST) return;
    group.every *= 2;
    group.marks = group.marks.filter((_, n) => n % 2 === 0);
  };

  const isTrue = (partition: number, { offset, fence }: Cursor): Mark | undefined => {
    const marks = all[partition]?.marks ?? [];
    const mark = marks[placeIn(marks, offset) - 1];
    return mark?.cursor.offset === offset && sameFence(mark.cursor.fence, fence) ? mark : undefined;
  };

  return {
    before: (partition, place) => {
      const marks = all[partition]?.marks ?? [];
      const found =
        'offset' in place
          ? marks[placeIn(marks, place.offset) - 1]
          : marks.findLast(({ at }) => at !== undefined && at < place.time);
      return found?.cursor ?? startOfLog;
    },
    vouch: (partition, cursor) => add(partition, { cursor }, true),
    reading: (partition, from) => {
      const known = isTrue(partition, from);
      if (!known) return () => undefined;
      let { at } = known;
      return ({ records, next }) => {
        for (const { entry } of records) at = timeOf(entry) ?? at;
        add(partition, { cursor: next, at }, false);
      };
    },
  };
}
