import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log } from '../../commands/log/log.js';
import { bucketOf, homeOf, partitionOf } from '../../domain/ids.js';
import { type History, PARTITIONS, openLogIn, readHistory, replyEnds, tally, viewsAndFold } from './audit.js';
import { type Person, at, register } from './person.js';
import { type Server, startServer } from './server.js';
import { streamFaults } from './streams.js';
import { type Sent, type Writer, startWriter } from './writer.js';

/** At least so many people write, and more until this many of the four homes have somebody. */
const PEOPLE = 3;
const HOMES = 3;

/**
 * How long each round writes before the kill, in ms: from in the middle of the first commands to well into the load, and
 * some long enough that snapshots are flushed (every 5 s).
 */
const lives = [400, 90, 1_500, 6_000, 30, 700, 250, 1_100, 5, 550, 6_000, 60, 300, 15, 800, 120, 6_000, 2, 650, 200];

/** Whoever writes for so many ms has met what is there when others have written before, as what was left undone. */
const LONG = 500;

/** How many events of its own an accepted command of each kind writes, at most; a repeated wish writes none. */
const most: Record<Sent['field'], number> = {
  conversationStart: 3,
  messagePost: 2,
  conversationRename: 1,
  conversationRead: 1,
  replyStop: 1,
};

describe('twenty times kill -9 of the whole process under write load', () => {
  let data: string;
  let server: Server;
  let log: Log;
  let history: History;
  const writing: { readonly person: Person; readonly writer: Writer }[] = [];
  const homes = new Set<number>();
  /** The checkpoints of the snapshots as each start found them: home and offset. */
  const found: (readonly Checkpointed[])[] = [];
  const sent = (): readonly Sent[] => writing.flatMap(({ writer }) => writer.sent);

  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'verbatim-kill-'));
    server = await startServer({ data });
    await server.ready;
    for (let n = 1; n <= PEOPLE || homes.size < HOMES; n++) {
      const person = await register(server.url, `writer-${n}`);
      homes.add(partitionOf(bucketOf(person.user), PARTITIONS));
      for (const tab of ['a', 'b']) {
        writing.push({ person, writer: startWriter({ person, name: `writer ${n}${tab}`, wait: sleep }) });
      }
    }
  });

  afterAll(async () => {
    await log?.close();
    await server.kill();
    rmSync(data, { recursive: true, force: true });
  });

  it.each(lives.map((life, n) => [n + 1, life] as const))('starts again after kill %i', async (n, life) => {
    const { port } = server;
    await sleep(life);
    // One that stands still would go unnoticed: the kill heals it.
    if (life >= LONG) await writing[0]?.person.ask('{ viewer { user { id } } }');
    await server.kill();
    found.push(checkpointsIn(data));
    if (n % 3 === 0) {
      // Killed once more while it starts, wherever it is by then.
      const starting = await startServer({ data, port });
      await sleep(life);
      await starting.kill();
    }
    server = await startServer({ data, port });
    await server.ready;
  });

  it('answers every command in the end, and ends every reply', async () => {
    await Promise.all(writing.map(({ writer }) => writer.stop()));
    expect(sent().filter(({ acknowledged }) => !acknowledged)).toEqual([]);
    expect(sent().some(({ tries }) => tries > 1)).toBe(true);
    for (const { person, writer } of writing) {
      await expect.poll(() => running(person, writer.sent), { timeout: 90_000, interval: 500 }).toEqual([]);
    }
  });

  it('shows every message and every title as it was acknowledged', async () => {
    for (const { person, writer } of writing) await expectShown(person, writer.sent);
  });

  it('stops cleanly', async () => {
    expect(await server.stop()).toBe(0);
    log = openLogIn(data);
    history = await readHistory(log);
  });

  it('had written in several homes, and gone on from snapshots: from further ones each time', () => {
    const written = new Set(history.events.map(({ stream }) => homeOf(stream, PARTITIONS)));
    expect(written.size).toBeGreaterThanOrEqual(HOMES);
    const reached = found.map((each) => each.reduce((sum, { offset }) => sum + offset, 0));
    expect(reached).toEqual(reached.toSorted((a, b) => a - b));
    // What a start goes on from was written under load, and not by a clean stop: there was none before.
    expect(found.findLast((each) => each.length >= HOMES)).toBeDefined();
    expect(new Set(reached).size).toBeGreaterThan(2);
  });

  it('has every acknowledged command in the log, once', () => {
    const outcomes = tally(history.outcomes, ({ command }) => command);
    const causes = tally(history.events, ({ cause }) => cause);
    const wrong = sent().filter(({ command, field }) => {
      const events = causes.get(command) ?? 0;
      const repeatable = field === 'conversationRead' || field === 'replyStop';
      return outcomes.get(command) !== 1 || (events !== most[field] && !(repeatable && events === 0));
    });
    expect(wrong).toEqual([]);
  });

  it('has streams without gaps and every reply ended once', () => {
    expect(streamFaults(history.events)).toEqual([]);
    const endings = [...replyEnds(history.events)];
    expect(endings.length).toBeGreaterThan(writing.length);
    expect(endings.filter(([, times]) => times !== 1)).toEqual([]);
  });

  it('has views that equal a fold of the log', async () => {
    const { views, fold } = await viewsAndFold(data, log);
    expect(views).toEqual(fold);
    expect(views['core.messages']).toHaveLength(
      history.events.filter(({ type }) => type === 'MessagePosted' || type === 'ReplyRequested').length,
    );
  });
});

type Checkpointed = { readonly home: number; readonly offset: number };

/** The checkpoints in the snapshots of a server that was killed, of those homes that have one. */
function checkpointsIn(data: string): readonly Checkpointed[] {
  const file = join(data, 'snapshots.db');
  if (!existsSync(file)) return [];
  const db = new Database(file);
  const rows: unknown[] = db.prepare('SELECT home, "offset" FROM checkpoints WHERE "offset" > 0 ORDER BY home').all();
  db.close();
  return rows.flatMap((row) =>
    typeof row === 'object' && row && 'home' in row && 'offset' in row
      ? [{ home: Number(row.home), offset: Number(row.offset) }]
      : [],
  );
}

/** The ids of the replies that a writer asked for and that have not ended. */
async function running(person: Person, sent: readonly Sent[]): Promise<readonly unknown[]> {
  const replies = sent.flatMap(({ field, input }) =>
    field === 'replyStop' || !input['reply'] ? [] : [input['reply']],
  );
  const left: unknown[] = [];
  for (const id of replies) {
    const answer = await person.ask('query ($id: ID!) { node(id: $id) { ... on Message { reply { status } } } }', {
      id,
    });
    const status = at(answer, 'node', 'reply', 'status');
    if (status !== 'COMPLETED' && status !== 'STOPPED' && status !== 'FAILED') left.push(id);
  }
  return left;
}

async function expectShown(person: Person, sent: readonly Sent[]): Promise<void> {
  const titles = new Map<unknown, unknown>();
  const texts = new Map<unknown, unknown>();
  for (const { field, input } of sent) {
    const { conversation, title, message, text } = input;
    if (field === 'conversationRename') titles.set(conversation, title);
    if (message !== undefined) texts.set(message, text);
  }
  const shown = new Map<unknown, unknown>();
  for (const id of [...titles.keys(), ...texts.keys()]) {
    const answer = await person.ask(
      `query ($id: ID!) { node(id: $id) { ... on Conversation { title }
        ... on Message { parts { ... on TextPart { text } } } } }`,
      { id },
    );
    shown.set(id, at(answer, 'node', 'title') ?? at(answer, 'node', 'parts', 0, 'text'));
  }
  expect(shown).toEqual(new Map([...titles, ...texts]));
}
