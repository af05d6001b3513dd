import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../../domain/event.js';
import { createHistory, idOf, logWith, openCore, openDatabase, project } from '../../testing.js';
import type { Tx } from '../db.js';
import { core } from './core.js';
import type { CoreNotice, CoreQueries } from './rows.js';

// The golden events hold every type and version: the view takes all of them, and moves on with each.

const golden: readonly Envelope[] = readFileSync(new URL('../../../domain/golden.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));
const streamsOf = (type: string): readonly string[] =>
  golden.flatMap((event) => (event.type === type ? [event.stream.slice(event.stream.indexOf('-') + 1)] : []));
const lastOf = (id: string): number => golden.findLast(({ stream }) => stream.endsWith(id))?.version ?? 0;

let queries: CoreQueries;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ queries, close } = await openCore(golden));
});
afterAll(() => close());

describe('the core view of every event there is', () => {
  it('shows each conversation at its last version, so that whoever follows it sees no gap', async () => {
    const started = streamsOf('ConversationStarted');
    expect(started).toHaveLength(3);
    for (const id of started) expect(await queries.conversation(id)).toMatchObject({ id, version: lastOf(id) });
  });

  it('brings back what was restored, and hides what expired', async () => {
    const [restored = '', expired = ''] = [...streamsOf('ConversationRestored'), ...streamsOf('ConversationExpired')];
    expect(await queries.conversation(restored)).toMatchObject({ deleted: false });
    expect(await queries.conversation(expired)).toMatchObject({ deleted: true });
  });

  it('shows copied messages as a branch, its replies ended, none of them news to who copied them', async () => {
    const [fork = ''] = streamsOf('MessagesCopied');
    const copies = golden.find(({ type }) => type === 'MessagesCopied');
    const { messages } = JSON.parse(JSON.stringify(copies?.data ?? {}));
    const rows = await queries.branch(fork, messages[1].message, 10, true);
    expect(rows.map(({ id, author, reply }) => [id, author, reply?.status])).toEqual([
      [messages[1].message, null, 'completed'],
      [messages[0].message, messages[0].author, undefined],
    ]);
    const { lastSeq = 0, starter = '' } = (await queries.conversation(fork)) ?? {};
    expect(lastSeq).toBe(3);
    expect((await queries.seen(starter, [fork])).get(fork)?.postedSeq).toBe(2);
  });

  it('shows people by the name that they have now', async () => {
    const [ada = ''] = streamsOf('ProfileChanged');
    const renamed = golden.find(({ type }) => type === 'ProfileChanged');
    expect(await queries.users([ada])).toEqual([
      expect.objectContaining({ id: ada, name: expect.objectContaining({ content: `${ada}/name` }), status: 'active' }),
    ]);
    expect(renamed?.data).toMatchObject({ name: (await queries.users([ada]))[0]?.name });
  });
});

describe('a batch', () => {
  it('reads and writes each table once, and of a hundred members only who posted', async () => {
    const history = createHistory();
    const id = idOf(10);
    const people = Array.from({ length: 99 }, (_, n) => idOf(1_000 + n));
    history.start(id);
    for (const person of people) history.addMember(id, person, 'writer');
    const { log, add } = await logWith(history.events);
    const real = await openDatabase();
    await project(real, core, log);

    const before = history.events.length;
    for (let n = 0; n < 500; n++) history.post(id, idOf(2_000 + n), n === 0 ? null : idOf(1_999 + n), n + 1, people[7]);
    await add(history.events.slice(before));
    const statements: (readonly [string, number])[] = [];
    const note = ({ query, copy }: Tx): Tx => ({
      ...(copy && {
        copy: (schema, table, home, rows) => {
          statements.push([`COPY ${table.name}`, rows.length]);
          return copy(schema, table, home, rows);
        },
      }),
      query: async (sql, params = []) => {
        const [, verb, table] = /^(SELECT|INSERT) .*?rm_core_g\d+\.(conversations|members|messages)\b/s.exec(sql) ?? [];
        // In the order in which they are asked, and not in which they are answered.
        const statement: [string, number] = [`${verb} ${table}`, 0];
        if (verb) statements.push(statement);
        const answer = await query<never>(sql, params);
        statement[1] = Array.isArray(params[2]) ? params[2].length : answer.rows.length;
        return answer;
      },
    });
    const notices: CoreNotice[] = [];
    await project({ ...real, ...note(real), tx: (work) => real.tx((tx) => work(note(tx))) }, core, log, (told) =>
      notices.push(...told),
    );
    await real.close();
    expect(statements).toEqual([
      ['SELECT conversations', 1],
      ['SELECT members', 100],
      ['INSERT conversations', 1],
      ['INSERT members', 1],
      [real.copies ? 'COPY messages' : 'INSERT messages', 500],
    ]);
    expect(notices).toHaveLength(1);
    expect(notices).toMatchObject([{ from: 100, to: 600, members: [{ person: people[7], postedSeq: 500 }] }]);
    expect(notices[0]).toHaveProperty('people.length', 100);
  });
});
