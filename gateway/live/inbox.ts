import type { Uuid } from '../../domain/ids.js';
import type { ConversationRow, CoreNotice, CoreQueries } from '../../projections/readmodel/core/rows.js';
import type { Sessions } from '../../projections/sessions/sessions.js';
import { createGate, feed } from './feed.js';

export type InboxDelivery = { readonly complete: boolean; readonly rows: readonly ConversationRow[] };

const PAGE = 50;

/**
 * A person's sidebar: a whole page on attaching, then each conversation as it changes, the newest state of it. It has no
 * cursor to resume from. `every` ms the page is looked at again, and sent anew where it is not what was told.
 */
export async function followInbox(
  { core, sessions }: { core: CoreQueries; sessions: Sessions },
  user: Uuid,
  every = 10_000,
): Promise<AsyncGenerator<InboxDelivery>> {
  const gate = createGate();
  const told = new Map<Uuid, string>();
  const changed = new Map<Uuid, ConversationRow>();
  const read = new Set<Uuid>();
  let look: 'first' | 'again' | undefined = 'first';

  const detach = await sessions.attach(`inbox:${user}`, (notice) => {
    if (!isNotice(notice)) return;
    if ('read' in notice) read.add(notice.read.conversation);
    else if ((changed.get(notice.conversation.id)?.version ?? 0) < notice.to) {
      changed.set(notice.conversation.id, notice.conversation);
    }
    gate.wake();
  });
  const timer = setInterval(() => {
    look ??= 'again';
    gate.wake();
  }, every);

  const page = async (why: 'first' | 'again'): Promise<InboxDelivery | undefined> => {
    const { rows } = await core.inbox(user, PAGE);
    const stateOf = (row: (typeof rows)[number]): string => `${row.version} ${row.readSeq}`;
    if (why === 'again' && rows.every((row) => told.get(row.id) === stateOf(row))) return undefined;
    for (const row of rows) told.set(row.id, stateOf(row));
    return { complete: true, rows };
  };

  const step = async (): Promise<InboxDelivery | 'wait'> => {
    if (look) {
      const why = look;
      look = undefined;
      const whole = await page(why);
      if (whole) return whole;
    }
    if (changed.size === 0 && read.size === 0) return 'wait';
    const fresh = new Map(changed);
    const ids = [...new Set([...changed.keys(), ...read])];
    changed.clear();
    read.clear();
    const rows = await Promise.all(ids.map(async (id) => fresh.get(id) ?? core.conversation(id)));
    const marks = await core.read(user, ids);
    const known = rows.filter((row) => row !== undefined);
    for (const row of known) told.set(row.id, `${row.version} ${marks.get(row.id) ?? 0}`);
    return known.length > 0 ? { complete: false, rows: known } : step();
  };

  return feed(gate, step, () => {
    detach();
    clearInterval(timer);
  });
}

const isNotice = (notice: unknown): notice is CoreNotice =>
  typeof notice === 'object' && notice !== null && ('read' in notice || 'conversation' in notice);
