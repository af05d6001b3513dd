import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Change, Obligation } from '../../../commands/reactors/reactor.js';
import { type DomainEvent, type Recorded, schemaOf } from '../../../domain/catalogue.js';
import { conversationKey, personKey } from '../../../domain/content.js';
import { type Uuid, derivedId, membershipId, streamOf } from '../../../domain/ids.js';
import type { Located } from '../../projection.js';
import { openGeneration } from '../../generations.js';
import { idOf, logWith, project, sealed } from '../../testing.js';
import type { Db } from '../db.js';
import { openPglite } from '../pglite.js';
import type { Stage } from '../table.js';
import { type Facts, fold, noFacts } from './fold.js';
import { obligations, relationsReader } from './obligations.js';

const [ana, ben] = [idOf(1), idOf(2)];
const [first, second] = [idOf(10), idOf(20)];
const expires = '2026-02-01T00:00:00.000Z';
const reply = idOf(12);

const attempt = (n: number) => ({ attempt: n, executor: idOf(9), endpoint: 'built-in', model: 'test' });
const end = { reply, attempt: 1, parts: [], latencyMs: 1 };
const whole = { ...end, firstTokenMs: 1, tokens: 1, finish: 'stop' } as const;
const start = (temporary: boolean, starter = ana, origin: { conversation: Uuid; message: Uuid } | null = null) => ({
  type: 'ConversationStarted' as const,
  data: { starter, title: sealed('title'), chars: 5, expires: temporary ? expires : null, origin },
});
const request: DomainEvent = { type: 'ReplyRequested', data: { reply, parent: idOf(11), seq: 2, by: ana } };
const complete: DomainEvent = { type: 'ReplyCompleted', data: whole };
const rename = (by: 'person' | 'automatic'): DomainEvent => ({
  type: 'ConversationRenamed',
  data: { title: sealed('title'), chars: 5, by },
});
const joined = (conversation: Uuid, user: Uuid): DomainEvent => ({
  type: 'MembershipJoined',
  data: { conversation, user, role: 'writer', by: ana, source: 4 },
});
const left = (conversation: Uuid, user: Uuid): DomainEvent => ({
  type: 'MembershipLeft',
  data: { conversation, user, source: 5 },
});
const added: DomainEvent = { type: 'MemberAdded', data: { user: ben, role: 'writer', by: ana } };

/** An event in its stream. */
type Told = readonly [Recorded['stream'], DomainEvent];
const on = (conversation: Uuid, ...events: readonly DomainEvent[]): readonly Told[] =>
  events.map((event) => [streamOf('conversation', conversation), event]);
const of = (user: Uuid, ...events: readonly DomainEvent[]): readonly Told[] =>
  events.map((event) => [streamOf('user', user), event]);
const between = (conversation: Uuid, user: Uuid, ...events: readonly DomainEvent[]): readonly Told[] =>
  events.map((event) => [streamOf('membership', membershipId(conversation, user)), event]);
const erased: DomainEvent = { type: 'UserErased', data: { by: 'system' } };
const forgotten: DomainEvent = { type: 'ErasureCompleted', data: { conversations: 1, backupsUntil: expires } };

/** The events as they stand in the log of one home. */
function record(told: readonly Told[]): readonly Located[] {
  const versions = new Map<string, number>();
  return told.map(([stream, event], offset) => {
    const version = (versions.get(stream) ?? 0) + 1;
    versions.set(stream, version);
    const id = idOf(1_000 + offset);
    const at = new Date(Date.parse('2026-01-01T00:00:00Z') + offset).toISOString();
    const more = { id, schema: schemaOf(event.type), at, actor: 'ana', cause: id, correlation: id, previous: '' };
    return { partition: 0, offset, event: { ...event, ...more, stream, version } };
  });
}

const folded = (events: readonly Located[]): Facts => {
  const facts = noFacts();
  for (const event of events) fold(facts, event);
  return facts;
};

const owedAfter = (...told: readonly (readonly Told[])[]): readonly Obligation[] => [
  ...folded(record(told.flat())).owed.values(),
];
const kindsAfter = (...told: readonly (readonly Told[])[]): readonly string[] =>
  owedAfter(...told).map(({ kind }) => kind);

describe('a title', () => {
  it('is owed once the first reply is complete, with the key and the place to read it from', () => {
    expect(kindsAfter(on(first, start(false), request))).toEqual(['reply']);
    expect(owedAfter(on(first, start(false), request, complete))).toEqual([
      {
        kind: 'title',
        id: derivedId(first, 'title'),
        conversation: first,
        reply,
        key: personKey(ana),
        attempt: 0,
        executor: null,
        position: { partition: 0, offset: 3 },
      },
    ]);
    const taken = on(first, start(false), request, complete, { type: 'TitleStarted', data: attempt(2) });
    expect(owedAfter(taken)).toMatchObject([{ attempt: 2, executor: idOf(9) }]);
  });

  it.each([
    ['a reply that failed', [{ type: 'ReplyFailed', data: { ...end, code: 'X' } } as const]],
    ['a name given by a person meanwhile', [rename('person'), complete]],
    ['a name given by a person', [complete, rename('person')]],
    ['a title that was found', [complete, rename('automatic')]],
    ['a title that was given up', [complete, { type: 'TitleFailed', data: { attempt: 3, code: 'X' } } as const]],
    ['the end of the conversation', [complete, { type: 'ConversationDeleted', data: { by: ana } } as const]],
    ['its end before the reply', [{ type: 'ConversationDeleted', data: { by: ana } } as const, complete]],
    ['its expiry', [complete, { type: 'ConversationExpired', data: {} } as const]],
  ])('is not owed after %s', (_, events) => {
    expect(kindsAfter(on(first, start(false), request, ...events))).not.toContain('title');
  });

  it('is owed once, however many replies follow, and never to a copy, which has the name of what it is made of', () => {
    const again = on(first, start(false), request, complete, rename('automatic'), request, complete);
    expect(owedAfter(again)).toEqual([]);
    const failed: DomainEvent = { type: 'TitleFailed', data: { attempt: 3, code: 'X' } };
    expect(owedAfter(on(first, start(false), request, complete, failed, request, complete))).toEqual([]);
    const origin = { conversation: second, message: idOf(21) };
    expect(owedAfter(on(first, start(false, ana, origin), request, complete))).toEqual([]);
  });
});

describe('a temporary conversation', () => {
  it('is owed its expiry from its start until it is purged, and its texts its own key', () => {
    const [expiry, answer] = owedAfter(on(first, start(true), request));
    expect(expiry).toMatchObject({ kind: 'expiry', conversation: first, expires });
    expect(answer).toMatchObject({ kind: 'reply', key: conversationKey(first) });
    expect(owedAfter(on(first, start(true), request, complete))[1]).toMatchObject({ key: conversationKey(first) });
    expect(owedAfter(on(first, start(false), request))[0]).toMatchObject({ key: personKey(ana) });
    const over = on(first, start(true), request, complete, { type: 'ConversationExpired', data: {} });
    expect(kindsAfter(over)).toEqual(['expiry']);
    expect(kindsAfter(over, on(first, { type: 'ConversationPurged', data: {} }))).toEqual([]);
  });
});

describe('a membership', () => {
  const told = (version: number) => on(first, { type: 'MembershipTold', data: { user: ben, version } });

  it('is owed to its person until their home has taken it; a newer change takes the place of an older one', () => {
    const [joining] = owedAfter(on(first, start(false), added));
    expect(joining).toMatchObject({ kind: 'membership', id: membershipId(first, ben), role: 'writer', source: 2 });
    const leaving = on(first, start(false), added, { type: 'MemberRemoved', data: { user: ben, by: ben } });
    expect(owedAfter(leaving)).toMatchObject([{ role: null, source: 3, by: ben, position: { offset: 3 } }]);
    expect(owedAfter(leaving, told(2))).toMatchObject([{ source: 3 }]);
    expect(owedAfter(leaving, told(3))).toEqual([]);
  });

  it('is owed to nobody who started the conversation or is erased', () => {
    expect(owedAfter(on(first, start(false)))).toEqual([]);
    expect(owedAfter(on(first, start(false), added, { type: 'MemberErased', data: { user: ben } }))).toEqual([]);
  });
});

describe('an erasure', () => {
  it('is owed from the wish to its completion', () => {
    expect(owedAfter(of(ana, erased))).toMatchObject([{ kind: 'erasure', user: ana, late: null }]);
    expect(owedAfter(of(ana, erased, forgotten))).toEqual([]);
  });

  it('is owed again for what comes to light later, until that has ended too', () => {
    const gone = of(ana, erased, forgotten);
    const late = owedAfter(gone, between(second, ana, joined(second, ana)));
    expect(late).toMatchObject([{ kind: 'erasure', user: ana, late: { conversation: second, source: 4 } }]);
    expect(owedAfter(gone, between(second, ana, joined(second, ana), left(second, ana)))).toEqual([]);
    expect(owedAfter(gone, on(first, start(false)))).toMatchObject([
      { user: ana, late: { conversation: first, source: 1 } },
    ]);
    const expelled = on(first, start(false), { type: 'MemberErased', data: { user: ana } });
    expect(owedAfter(gone, expelled)).toEqual([]);
    expect(owedAfter(between(second, ana, joined(second, ana)))).toEqual([]);
  });
});

/** The rows of a projection in memory, as a database would keep them: what is loaded is a copy. */
function memoryTables() {
  const tables = new Map<string, Map<string, string>>();
  const rowsOf = (name: string): Map<string, string> => {
    const rows = tables.get(name) ?? new Map<string, string>();
    tables.set(name, rows);
    return rows;
  };
  const keyOf = (row: object, [key = '']: readonly string[]): string => String(new Map(Object.entries(row)).get(key));
  const stage: Stage = {
    load: async ({ name }, ids) =>
      [...ids].flatMap((id) => {
        const row = rowsOf(name).get(id);
        return row === undefined ? [] : [JSON.parse(row)];
      }),
    save: async ({ name, key }, rows) => {
      for (const row of rows) rowsOf(name).set(keyOf(row, key), JSON.stringify(row));
    },
    remove: async ({ name }, ids) => {
      for (const id of ids) rowsOf(name).delete(id);
    },
  };
  return {
    stage,
    rows: (name: string): readonly unknown[] => [...rowsOf(name).values()].map((row) => JSON.parse(row)),
  };
}

/** Anything at all that touches what is owed, sensible or not, about few things, so that much of it meets. */
const anything: fc.Arbitrary<Told> = fc
  .record({ conversation: fc.constantFrom(first, second), user: fc.constantFrom(ana, ben), n: fc.nat({ max: 3 }) })
  .chain(({ conversation, user, n }) =>
    fc.constantFrom<Told>(
      ...on(
        conversation,
        start(n === 0, user),
        request,
        { type: 'ReplyStarted', data: { reply, ...attempt(n) } },
        { type: 'ReplyStopRequested', data: { reply, by: user } },
        complete,
        complete,
        { type: 'ReplyStopped', data: end },
        rename(n > 1 ? 'person' : 'automatic'),
        { type: 'TitleStarted', data: attempt(n) },
        { type: 'TitleFailed', data: { attempt: n, code: 'X' } },
        { type: 'MemberAdded', data: { user, role: 'reader', by: ana } },
        { type: 'MemberRoleChanged', data: { user, role: 'owner', by: ana } },
        { type: 'MemberRemoved', data: { user, by: ana } },
        { type: 'MemberErased', data: { user } },
        { type: 'MembershipTold', data: { user, version: n * 3 } },
        { type: 'ConversationDeleted', data: { by: ana } },
        { type: 'ConversationExpired', data: {} },
        { type: 'ConversationPurged', data: {} },
      ),
      ...of(user, erased, forgotten),
      ...between(conversation, user, joined(conversation, user), left(conversation, user)),
    ),
  );

describe('the tables', () => {
  it('are those of a fold from the first event, at every cut; so is what is told, put together', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anything, { minLength: 1, maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        async (told, cuts) => {
          const events = record(told);
          const { stage, rows } = memoryTables();
          const heard = new Map<Uuid, Change>();
          for (let at = 0, cut = 0; at < events.length; cut++) {
            const next = at + (cuts[cut % cuts.length] ?? 1);
            for (const change of await obligations.apply(events.slice(at, next), stage)) {
              if ('ended' in change) heard.delete(change.ended);
              else heard.set(change.id, change);
            }
            at = next;
            const { owed, started, joined: others, erased: gone } = folded(events.slice(0, next));
            const rowOf = ({ position, ...data }: Obligation) => ({
              id: data.id,
              kind: data.kind,
              data,
              nextOffset: position.offset,
            });
            const sorted = (all: readonly unknown[]) => all.map((each) => JSON.stringify(each)).toSorted();
            expect(sorted(rows('owed'))).toEqual(sorted([...owed.values()].map(rowOf)));
            expect(sorted(rows('started'))).toEqual(sorted([...started.values()]));
            expect(sorted(rows('joined'))).toEqual(sorted([...others.values()]));
            expect(sorted(rows('erased'))).toEqual(sorted([...gone.values()]));
            expect(sorted([...heard.values()])).toEqual(sorted([...owed.values()]));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('in the database', () => {
  let db: Db;
  beforeAll(async () => {
    db = await openPglite();
  });
  afterAll(() => db.close());

  it('stands what a person started and joined, each once, for their erasure', async () => {
    const told = [
      ...on(first, start(true)),
      ...on(second, start(false, ben)),
      ...between(second, ana, joined(second, ana)),
      ...between(first, ana, joined(first, ana)),
      ...between(second, ben, joined(second, ben)),
    ];
    const { log } = await logWith(record(told).map(({ event }) => event));
    await project(db, obligations, log);
    const asked: unknown[] = [];
    const reached = async (...position: readonly unknown[]): Promise<boolean> => (asked.push(position[0]), true);
    const relations = relationsReader(db, { reached });
    expect(await relations(ana, { partition: 0, offset: 3 })).toEqual([
      { conversation: first, temporary: true },
      { conversation: second, temporary: false },
    ]);
    expect(asked).toEqual([{ partition: 0, offset: 3 }]);
    const late = relationsReader(db, { reached: async () => false });
    await expect(late(ana, { partition: 0, offset: 99 })).rejects.toThrow('does not keep up');
  });

  it('is not taken from a view that has started again, empty, since it had reached the position', async () => {
    const { log } = await logWith(record(on(first, start(false))).map(({ event }) => event));
    await db.query('DROP SCHEMA rm, obligations CASCADE');
    await project(db, obligations, log);
    const position = { partition: 0, offset: await log.end(0) };
    const relations = relationsReader(db, { reached: async () => true });
    expect(await relations(ana, position)).toEqual([{ conversation: first, temporary: false }]);
    expect(await relations(ben, position)).toEqual([]);
    await db.query('DROP SCHEMA rm CASCADE');
    await openGeneration(db, obligations, log);
    await expect(relations(ana, position)).rejects.toThrow('does not keep up');
  });
});
