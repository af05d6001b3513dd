import { randomUUID } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import type { Entry, Placed } from '../../../commands/log/log.js';
import { memoryDisk } from '../../../commands/log/memory.js';
import { batchOf, eventNamed } from '../../../commands/log/testing.js';
import { passAll, startOfLog } from '../../../commands/log/store.js';
import {
  HOME,
  PARTITIONS,
  ada,
  ask,
  commandOf,
  conversation,
  markRead,
  ownerOf,
  start,
} from '../../../commands/worker/testing.js';
import { contentOf, personKey } from '../../../domain/content.js';
import { streamOf } from '../../../domain/ids.js';
import { clientId, sealedText } from '../../../domain/testing.js';
import { type CommandNote, type Evidence, type Update, check, zombieBatches } from './checker.js';

// All else hangs on the checker: a run that was well is falsified in one place, and it has to say so.

let well: Evidence;

const post = (n: number) => {
  const [message, reply] = [clientId(1_000 + 2 * n, 0x500), clientId(1_001 + 2 * n, 0x500)];
  const parts = [{ type: 'text' as const, text: sealedText(personKey(ada), contentOf.part(message, 0)), chars: 5 }];
  const data = { message, reply, parts, chars: 5, parent: null, fork: true };
  return commandOf({ type: 'PostMessage', data }, { stream: streamOf('conversation', conversation) });
};

beforeAll(async () => {
  const { log, files } = memoryDisk({ partitions: PARTITIONS, id: randomUUID() });
  const owner = ownerOf(log);
  const commands = [start(), post(1), post(2), markRead(1, 3), start(), post(3)];
  const notes: CommandNote[] = [];
  for (const { actor, id, ...command } of commands) {
    const [answer] = await ask(owner, { actor, id, ...command });
    if (!answer || !('status' in answer)) throw new Error('it was not decided');
    const told =
      answer.status === 'accepted'
        ? { status: answer.status, ...answer.position }
        : { status: answer.status, code: answer.code };
    notes.push({ client: 'a', actor, command: id, told });
  }
  // An owner of before writes once more, and it counts for nothing.
  await log.append(HOME, batchOf('zombie', 1, 7, [eventNamed('void')]));
  await ask(ownerOf(log), markRead(2, 1));
  const placed = files.map((file) => file.map((entry, offset): Placed => ({ offset, entry })));
  const updates = passAll(startOfLog, placed[HOME] ?? []).records.flatMap(({ entry }): readonly Update[] => {
    if (entry.kind !== 'event' || entry.event.stream !== `conversation-${conversation}`) return [];
    const { version, data } = entry.event;
    const seq = 'seq' in data && typeof data.seq === 'number' ? data.seq : 0;
    const id = 'message' in data ? data.message : 'reply' in data ? data.reply : undefined;
    const messages = typeof id === 'string' ? [{ id, seq, version }] : [];
    return [{ from: version - 1, to: version, messages }];
  });
  well = { files: placed, commands: notes, watchers: [{ watcher: 'w', conversation, asOf: 0, updates }] };
});

it('has nothing to say of a run that was well', () => {
  expect(check(well)).toEqual([]);
  expect(well.commands.map(({ told }) => told?.status)).toContain('rejected');
});

it('counts the batches of zombies', () => {
  expect(zombieBatches(well.files)).toBe(1);
  expect(zombieBatches([well.files[0] ?? []])).toBe(0);
});

/** What is found when the records of the home are others. */
const withFile = (change: (file: readonly Placed[]) => readonly Placed[]): readonly string[] =>
  check({ ...well, files: well.files.map((file, at) => (at === HOME ? change(file) : file)) });

/** The records with the last that brings a message changed into some others; offsets stay whose they are. */
const lastMessage = (file: readonly Placed[]): number =>
  file.findLastIndex(({ entry }) => entry.kind === 'event' && entry.event.type === 'MessagePosted');

const replaced = (file: readonly Placed[], at: number, change: (entry: Entry) => Entry): readonly Placed[] =>
  file.map((placed, n) => (n === at ? { ...placed, entry: change(placed.entry) } : placed));

it('finds what was acknowledged and is lost', () => {
  const faults = withFile((file) => file.slice(0, lastMessage(file)));
  expect(faults).toContainEqual(expect.stringMatching(/^a was told .*accepted.*, and it is not in the log/));
});

it('finds what is there twice', () => {
  const faults = withFile((file) => {
    const whole = passAll(startOfLog, file).next;
    const again = file.slice(lastMessage(file), lastMessage(file) + 2);
    const last = file.at(-1)?.offset ?? 0;
    const { owner, term, batch } = { ...whole.fence, owner: whole.fence.owner ?? '' };
    return [
      ...file,
      ...again.map(({ entry }, n) => ({
        offset: last + 1 + n,
        entry: { ...entry, header: { ...entry.header, owner, term, batch } },
      })),
    ];
  });
  expect(faults).toContainEqual(expect.stringMatching(/^it has two outcomes/));
  expect(faults).toContainEqual(expect.stringMatching(/has version \d+ after/));
});

it('finds a gap in a stream', () => {
  const faults = withFile((file) =>
    replaced(file, lastMessage(file), (entry) =>
      entry.kind === 'event' ? { ...entry, event: { ...entry.event, version: entry.event.version + 1 } } : entry,
    ),
  );
  expect(faults).toContainEqual(expect.stringMatching(/has version \d+ after \d+/));
});

it('finds commands of one client in another order', () => {
  const [first, second, third, ...rest] = well.commands;
  const commands = [first, third, second, ...rest].filter((each) => each !== undefined);
  expect(check({ ...well, commands })).toContainEqual(expect.stringMatching(/^a sent what became version/));
});

it('finds an answer that is not the one in the log, or none at all', () => {
  const told = (change: CommandNote['told']): readonly string[] =>
    check({
      ...well,
      commands: well.commands.with(0, {
        client: 'a',
        actor: ada,
        command: well.commands[0]?.command ?? '',
        told: change,
      }),
    });
  expect(told(undefined)).toContainEqual(expect.stringMatching(/never learnt/));
  expect(told({ status: 'rejected', code: 'CONFLICT' })).toContainEqual(expect.stringMatching(/and the log says/));
  expect(told({ status: 'accepted', partition: HOME, offset: 1 })).toContainEqual(
    expect.stringMatching(/and the log says/),
  );
});

it('finds what was rejected and is there all the same', () => {
  const commands = well.commands.map((note) =>
    note.told?.status === 'accepted' ? { ...note, told: { status: 'rejected' as const, code: 'CONFLICT' } } : note,
  );
  expect(check({ ...well, commands }).length).toBeGreaterThan(2);
});

type Updates = readonly Update[];

it.each<[string, (updates: Updates) => Updates, RegExp]>([
  ['missed one', (updates) => updates.filter((_, n) => n !== 2), /got what comes after/],
  ['got one twice', (updates) => [...updates.slice(0, 3), ...updates.slice(2)], /twice/],
  ['got two in another order', (updates) => swapped(updates), /where .* comes/],
  ['did not get the end', (updates) => updates.slice(0, -1), /is at version/],
])('finds a subscriber who %s', (_, change, fault) => {
  const watchers = well.watchers.map((watcher) => ({ ...watcher, updates: change(watcher.updates) }));
  expect(check({ ...well, watchers })).toContainEqual(expect.stringMatching(fault));
});

/** The messages of two updates change places: the updates themselves are in order. */
function swapped(updates: Updates): Updates {
  const [a, b] = updates.flatMap(({ messages }, n) => (messages.length > 0 ? [n] : []));
  return updates.map((update, n) => {
    if (n === a) return { ...update, messages: updates[b ?? 0]?.messages ?? [] };
    if (n === b) return { ...update, messages: updates[a ?? 0]?.messages ?? [] };
    return update;
  });
}
