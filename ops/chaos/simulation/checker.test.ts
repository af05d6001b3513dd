import { beforeAll, expect, it } from 'vitest';
import type { Entry } from '../../../commands/log/log.js';
import { passAll, startOfLog } from '../../../commands/log/store.js';
import { ASSISTANT } from '../../../domain/decider.js';
import { check } from './checker.js';
import type { History } from './history.js';
import { validOf } from './log.js';
import { simulate } from './simulate.js';

// All else hangs on the checker: what a world that was well has left is falsified in one place, and it has to say so.

let well: History;

beforeAll(async () => {
  well = (await simulate(3)).history;
});

it('has nothing to say of a world that was well', () => {
  expect(check(well)).toEqual([]);
});

type Changed = Partial<History> | undefined;

/** What is found when the last valid record for which `is` was another. */
function falsified(is: (entry: Entry) => boolean, change: (entry: Entry) => Entry): readonly string[] {
  return found(({ files }) => {
    const [partition, offset] = lastOf(files, is);
    return {
      files: files.map((file, at) => (at === partition ? file.with(offset, change(entryAt(file, offset))) : file)),
    };
  });
}

const found = (change: (copy: History) => Changed): readonly string[] => {
  const copy = structuredClone(well);
  return check({ ...copy, ...change(copy) });
};

function lastOf(files: History['files'], is: (entry: Entry) => boolean): readonly [number, number] {
  for (const [partition, file] of files.entries()) {
    const last = validOf(file).findLast(({ entry }) => is(entry));
    if (last) return [partition, last.offset];
  }
  throw new Error('this world has no such record');
}

function entryAt(file: readonly Entry[], offset: number): Entry {
  const entry = file[offset];
  if (!entry) throw new Error(`no record ${offset}`);
  return entry;
}

const isEvent = (entry: Entry, ...types: readonly string[]): entry is Entry & { kind: 'event' } =>
  entry.kind === 'event' && (types.length === 0 || types.includes(entry.event.type));

/** One whose outcomes were told to somebody. */
const isAnswered = (entry: Entry): boolean =>
  'outcomes' in entry && (entry.outcomes ?? []).some(({ actor }) => actor !== ASSISTANT);

/** The same entry, its event being another. */
const another = (entry: Entry, change: object): Entry =>
  entry.kind === 'event' ? { ...entry, event: { ...entry.event, ...change } } : entry;

it('sees that an acknowledged command is lost', () => {
  // A void record is none.
  const faults = falsified(isAnswered, (entry) => ({ ...entry, header: { ...entry.header, owner: 'nobody' } }));
  expect(faults).toContainEqual(expect.stringMatching(/was told \w+ and it is not in the log/));
  expect(faults).toContainEqual(expect.stringMatching(/knows \w+ and it is not in the log/));
});

it('sees that a command was done twice', () => {
  const faults = found(({ files }) => {
    const [partition, offset] = lastOf(files, isAnswered);
    return {
      files: files.map((file, at) => {
        if (at !== partition) return file;
        const once = entryAt(file, offset);
        const { next } = passAll(
          startOfLog,
          file.map((entry, place) => ({ offset: place, entry })),
        );
        const { owner, term, batch } = next.fence;
        const header = { ...once.header, owner: owner ?? '', term, batch, index: 0, count: 1 };
        return [...file, { ...once, header }];
      }),
    };
  });
  expect(faults).toContainEqual(expect.stringMatching(/^it has two outcomes/));
});

it('sees that a command has other events than its outcome says', () => {
  const faults = falsified(isEvent, (entry) => another(entry, { cause: 'somebody else' }));
  expect(faults).toContainEqual(expect.stringMatching(/^it has \d events and an outcome of \d/));
  expect(faults).toContainEqual(expect.stringMatching(/^it has events and no outcome/));
});

it('sees a gap in a stream', () => {
  const faults = falsified(isEvent, (entry) =>
    isEvent(entry) ? another(entry, { version: entry.event.version + 1 }) : entry,
  );
  expect(faults).toContainEqual(expect.stringMatching(/has version \d+ after \d+$/));
});

it('sees that events have changed places', () => {
  const faults = found(({ files }) => {
    const [partition, offset] = lastOf(files, (entry) => isEvent(entry, 'MessagePosted'));
    return {
      files: files.map((file, at) => {
        if (at !== partition) return file;
        const [one, other] = [entryAt(file, offset), entryAt(file, offset + 1)];
        if (!isEvent(one) || !isEvent(other)) return file;
        return file.with(offset, another(one, other.event)).with(offset + 1, another(other, one.event));
      }),
    };
  });
  expect(faults).toContainEqual(expect.stringMatching(/has version \d+ after \d+$/));
});

it('sees that an event is not the one that was written', () => {
  const faults = falsified(
    (entry) => isEvent(entry, 'ReplyRequested'),
    (entry) => another(entry, { correlation: 'changed' }),
  );
  expect(faults).toContainEqual(expect.stringMatching(/breaks its chain|the store of home \d is wrong about/));
});

it('sees that time runs backwards', () => {
  const faults = falsified(isEvent, (entry) => another(entry, { at: '2026-01-01T00:00:00.000Z' }));
  expect(faults).toContainEqual(expect.stringMatching(/^time runs backwards at record \d+/));
});

it('sees that a reply did not end, and that an attempt was claimed twice', () => {
  const unended = falsified(
    (entry) => isEvent(entry, 'ReplyCompleted', 'ReplyFailed', 'ReplyStopped'),
    (entry) => another(entry, { type: 'ConversationDeleted', data: { by: 'somebody' } }),
  );
  expect(unended).toContainEqual(expect.stringMatching(/^reply .* has ended 0 times$/));
  const claimed = falsified(
    (entry) => isEvent(entry, 'ReplyStarted'),
    (entry) => (isEvent(entry) ? another(entry, { data: { ...entry.event.data, attempt: 7 } }) : entry),
  );
  expect(claimed).toContainEqual(expect.stringMatching(/^attempt 7 of .* is claimed as its \d/));
});

it('sees that somebody was told something else than the log says', () => {
  const faults = found(({ told: [first, ...told] }) => {
    if (!first) return undefined;
    const { offset, partition } = first.answer.position;
    return { told: [{ ...first, answer: { ...first.answer, position: { partition, offset: offset + 1 } } }, ...told] };
  });
  expect(faults).toContainEqual(expect.stringMatching(/was told .* and the log says/));
  const reused = found(({ told: [first] }) => first && { told: [{ ...first, hash: 'of something else' }] });
  expect(reused).toContainEqual(expect.stringMatching(/was told .* and the log says/));
});

it('sees a command that nobody wanted', () => {
  expect(found(() => ({ wanted: new Set() }))).toContainEqual(expect.stringMatching(/^nobody wanted it/));
});

it('sees that something was refused and done, or taken and never decided', () => {
  const name = well.told[0]?.name ?? '';
  expect(found(() => ({ refused: [name] }))).toEqual([`it was refused and decided: ${name}`]);
  expect(found(() => ({ unheard: [name, 'ada 1'] }))).toEqual(['it was in the topic and is lost: ada 1']);
});

it('passes on what the world itself has noticed', () => {
  expect(found(() => ({ unfinished: ['a reply'], broken: ['a fault'] }))).toEqual([
    'a worker broke: a fault',
    'it never ends: a reply',
  ]);
});

it.each(['streams', 'chunks', 'outcomes'] as const)('sees that the store is wrong about one of its %s', (rows) => {
  const changed = found(({ shelf }) => {
    const home = [...shelf.values()].find((each) => each[rows].size > 0);
    const [name = ''] = home?.[rows].keys() ?? [];
    home?.[rows].set(name, '{"version":99}');
    return undefined;
  });
  expect(changed).toEqual([expect.stringMatching(/^the store of home \d is wrong about/)]);
  const lost = found(({ shelf }) => {
    const home = [...shelf.values()].find((each) => each[rows].size > 0);
    home?.[rows].clear();
    return undefined;
  });
  expect(lost).toContainEqual(expect.stringMatching(/^the store of home \d is wrong about/));
});

it('sees that the store has made something up, or not taken everything in', () => {
  const more = found(({ shelf }) => {
    for (const home of shelf.values()) home.streams.set('user-00000000-0000-7000-8000-000000000000', '{}');
    return undefined;
  });
  expect(more).toContainEqual(expect.stringMatching(/^the store of home \d has made up user-/));
  expect(found(() => ({ shelf: new Map() }))).toContainEqual(expect.stringMatching(/^the store of home \d lacks/));
});
