import type { Change, Obligation, Obligations, ReadRelations, Relation } from '../../../commands/reactors/reactor.js';
import type { Uuid } from '../../../domain/ids.js';
import type { Projection } from '../../projection.js';
import type { Runner } from '../../runner.js';
import type { Db, Queryable } from '../db.js';
import { type Stage, type Table, fieldsOf } from '../table.js';
import { type Erased, type Facts, type Joined, type Started, changedIn, changesOf, fold, touchedBy } from './fold.js';

type Unplaced<O> = O extends Obligation ? Omit<O, 'position'> : never;
type OwedRow = {
  readonly id: Uuid;
  readonly kind: Obligation['kind'];
  readonly data: Unplaced<Obligation>;
  readonly nextOffset: number;
};

type TableOf<Row> = Table & { readonly columns: Readonly<Record<keyof Row, string>> };

const owed = {
  name: 'owed',
  columns: { id: 'uuid', kind: 'text', data: 'jsonb', nextOffset: 'bigint' },
  key: ['id'],
} as const satisfies TableOf<OwedRow>;

const started = {
  name: 'started',
  columns: { conversation: 'uuid', starter: 'uuid', temporary: 'boolean', untitled: 'boolean' },
  key: ['conversation'],
  indexes: ['starter'],
} as const satisfies TableOf<Started>;

const joined = {
  name: 'joined',
  columns: { membership: 'uuid', conversation: 'uuid', person: 'uuid' },
  key: ['membership'],
  indexes: ['person'],
} as const satisfies TableOf<Joined>;

const erased = {
  name: 'erased',
  columns: { person: 'uuid', at: 'timestamptz' },
  key: ['person'],
} as const satisfies TableOf<Erased>;

/**
 * What was promised and not yet done: a row comes with the event that obliges, and goes with the one that ends it.
 * Beside it stands what an erasure goes by: who started and joined what, and who is erased already.
 */
export const obligations: Projection<Change> = {
  name: 'obligations',
  schema: 3,
  tables: [owed, started, joined, erased],
  apply: async (events, stage) => {
    const [first] = events;
    if (!first) return [];
    const before = await load(
      stage,
      first.partition,
      events.map(({ event }) => touchedBy(event)),
    );
    const after: Facts = {
      owed: new Map(before.owed),
      started: new Map(before.started),
      joined: new Map(before.joined),
      erased: new Map(before.erased),
    };
    for (const event of events) fold(after, event);

    const changes = changesOf(before.owed, after);
    await stage.save(
      owed,
      changes.flatMap((change) => ('ended' in change ? [] : [toRow(change)])),
    );
    await stage.remove(
      owed,
      changes.flatMap((change) => ('ended' in change ? [change.ended] : [])),
    );
    await stage.save(started, changedIn(before.started, after.started));
    await stage.save(joined, changedIn(before.joined, after.joined));
    await stage.save(erased, changedIn(before.erased, after.erased));
    return changes;
  },
};

async function load(stage: Stage, home: number, touched: readonly ReturnType<typeof touchedBy>[]): Promise<Facts> {
  const owedRows = await stage.load<OwedRow>(owed, new Set(touched.flatMap((each) => each.owed ?? [])));
  const startedRows = await stage.load<Started>(started, new Set(touched.flatMap((each) => each.started ?? [])));
  const erasedRows = await stage.load<Erased>(erased, new Set(touched.flatMap((each) => each.erased ?? [])));
  return {
    owed: new Map(owedRows.map((row) => [row.id, toObligation(row, home)])),
    started: new Map(startedRows.map((row) => [row.conversation, row])),
    joined: new Map(),
    erased: new Map(erasedRows.map((row) => [row.person, row])),
  };
}

const toRow = ({ position, ...data }: Obligation): OwedRow => ({
  id: data.id,
  kind: data.kind,
  data,
  nextOffset: position.offset,
});

const toObligation = ({ data, nextOffset }: OwedRow, home: number): Obligation => ({
  ...data,
  position: { partition: home, offset: nextOffset },
});

/** Of what an obligation is now. */
const STATE = 'md5(ROW(r.data, r.next_offset)::text)';

/** An obligation, and a mark of the state that it is in: another one after each change. */
export type Marked = { readonly obligation: Obligation; readonly state: string };

/** Those of some obligations of a home that stand, and up to which offset of the home that is told. */
export async function readOwed(
  db: Queryable,
  home: number,
  ids: readonly Uuid[],
): Promise<{ readonly shown: number; readonly found: readonly Marked[] }> {
  const { rows } = await db.query<{ shown: number; state: string } & (OwedRow | { readonly id: null })>(
    `SELECT cp.next_offset AS shown, ${STATE} AS state, ${fieldsOf(owed, 'r')} FROM obligations.checkpoints cp
     LEFT JOIN obligations.owed r ON r.home = cp.home AND r.id = ANY($2::uuid[])
     WHERE cp.home = $1 ORDER BY r.next_offset`,
    [home, ids],
  );
  const found = rows.flatMap((row) =>
    row.id === null ? [] : [{ obligation: toObligation(row, home), state: row.state }],
  );
  return { shown: rows[0]?.shown ?? 0, found };
}

/** Which obligations stand, where, and in which state. */
export async function readOwedStates(
  db: Queryable,
): Promise<readonly { readonly home: number; readonly id: Uuid; readonly state: string }[]> {
  const { rows } = await db.query<{ home: number; id: Uuid; state: string }>(
    `SELECT r.home, r.id, ${STATE} AS state FROM obligations.owed r ORDER BY r.next_offset`,
  );
  return rows;
}

/** Obligations as a reactor watches them, over the runner of their projection; `told` is where its notices go. */
export function watchObligations(db: Db): {
  readonly port: (runner: Pick<Runner, 'caughtUp'>) => Obligations;
  told(changes: readonly Change[]): void;
  /** Lists again, as when changes were committed and not told: whoever watches hears of what is new to them, or over. */
  again(): Promise<void>;
} {
  const watchers = new Set<(change: Change) => void>();
  const lists = new Set<() => Promise<void>>();
  return {
    told: (changes) => {
      for (const change of changes) for (const watcher of watchers) watcher(change);
    },
    again: async () => {
      await Promise.all([...lists].map((list) => list()));
    },
    port: (runner) => ({
      watch: async (listener) => {
        await runner.caughtUp;
        /** What the listener knows, each as of its position. */
        const known = new Map<Uuid, number>();
        const tell = (change: Change): void => {
          if ('ended' in change) known.delete(change.ended);
          else known.set(change.id, change.position.offset);
          listener(change);
        };
        const list = async (): Promise<void> => {
          // Attached before it lists, so that nothing is missed. What is told meanwhile may be newer than the list.
          const told = new Set<Uuid>();
          const note = (change: Change): void => {
            told.add('ended' in change ? change.ended : change.id);
          };
          watchers.add(note);
          watchers.add(tell);
          const { rows } = await db
            .query<OwedRow & { home: number }>(
              `SELECT r.home, ${fieldsOf(owed, 'r')} FROM obligations.owed r ORDER BY r.next_offset`,
            )
            .finally(() => watchers.delete(note));
          const listed = new Set(rows.map(({ id }) => id));
          const over = [...known.keys()].filter((id) => !listed.has(id) && !told.has(id));
          for (const id of over) tell({ ended: id });
          for (const { home, ...row } of rows) {
            if (!told.has(row.id) && known.get(row.id) !== row.nextOffset) tell(toObligation(row, home));
          }
        };
        await list();
        lists.add(list);
        return () => {
          lists.delete(list);
          watchers.delete(tell);
        };
      },
    }),
  };
}

/** How long an erasure waits for this view, in ms. */
const PATIENCE = 30_000;

type Found = { readonly nextOffset: number; readonly conversation: Uuid | null; readonly temporary: boolean | null };

/** Reads what a person started and joined, over the runner of this projection. */
export function relationsReader(db: Db, { reached }: Pick<Runner, 'reached'>): ReadRelations {
  return async (user, after) => {
    const behind = (): Error => new Error('the view of obligations does not keep up with the log');
    if (!(await reached(after, PATIENCE))) throw behind();
    // How far it is stands in the same statement: the view may have started again, empty, since it had reached that.
    const { rows } = await db.query<Found>(
      `SELECT cp.next_offset AS "nextOffset", r.conversation, r.temporary
       FROM obligations.checkpoints cp LEFT JOIN (
         SELECT s.home, s.conversation, s.temporary FROM obligations.started s WHERE s.home = $1 AND s.starter = $2
         UNION ALL
         SELECT j.home, j.conversation, false FROM obligations.joined j WHERE j.home = $1 AND j.person = $2
       ) r ON r.home = cp.home WHERE cp.home = $1`,
      [after.partition, user],
    );
    if ((rows[0]?.nextOffset ?? 0) < after.offset) throw behind();
    // Of one's own conversation one may have been told as well, as when one's role in it was changed.
    const relations = new Map<Uuid, Relation>();
    for (const { conversation, temporary } of rows) {
      if (conversation === null) continue;
      const isTemporary = temporary === true || relations.get(conversation)?.temporary === true;
      relations.set(conversation, { conversation, temporary: isTemporary });
    }
    return [...relations.values()].toSorted((a, b) => (a.conversation < b.conversation ? -1 : 1));
  };
}
