import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReplyObligation } from '../../../commands/reactors/reactor.js';
import { startRunner } from '../../runner.js';
import { createHistory, idOf, logWith, richHistory } from '../../testing.js';
import type { Db } from '../db.js';
import { openPglite } from '../pglite.js';
import { obligations, watchObligations } from './obligations.js';

let db: Db;
beforeAll(async () => {
  db = await openPglite();
});
afterAll(() => db.close());

type Change = ReplyObligation | { readonly ended: string };

async function watch(events: Parameters<typeof logWith>[0]) {
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
  const { log, add } = await logWith(events);
  const watched = watchObligations(db);
  const failures: unknown[] = [];
  const runner = startRunner({
    log,
    db,
    projection: obligations,
    onCommit: watched.told,
    onFailure: (error) => failures.push(error),
  });
  const changes: Change[] = [];
  await watched.port(runner).watch((change) => changes.push(change));
  return { changes, add, failures, stop: () => runner.stop() };
}

const named = (changes: readonly Change[]): readonly string[] =>
  changes.map((change) => ('ended' in change ? `ended ${change.ended}` : `${change.reply} ${change.attempt}`));

describe('obligations', () => {
  it('lists what stands open once it has caught up: what ended is not among it', async () => {
    const { history } = richHistory();
    const { changes, stop, failures } = await watch(history.events);
    expect(changes.map((change) => 'reply' in change && [change.reply, change.stopping])).toEqual([
      [idOf(22), true],
      [idOf(14), false],
    ]);
    expect(changes[0]).toMatchObject({ conversation: idOf(20), parent: idOf(21), by: history.user, attempt: 0 });
    expect(failures).toEqual([]);
    await stop();
  });

  it('tells each change as it comes', async () => {
    const history = createHistory();
    const [conversation, reply] = [idOf(30), idOf(32)];
    history.start(conversation);
    history.post(conversation, idOf(31), null, 1);
    const { changes, add, stop } = await watch(history.events);
    const before = history.events.length;
    history.request(conversation, reply, idOf(31), 2);
    history.begin(conversation, reply, 1);
    history.complete(conversation, reply, 1);
    for (const event of history.events.slice(before)) {
      const known = changes.length;
      await add([event]);
      await expect.poll(() => changes.length).toBeGreaterThan(known);
    }
    expect(named(changes)).toEqual([`${reply} 0`, `${reply} 1`, `ended ${reply}`]);
    await stop();
  });
});
