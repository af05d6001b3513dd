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
    if ('membership' in notice) read.add(notice.membership.conversation);
    else if ('conversation' in notice && (changed.get(notice.conversation.id)?.version ?? 0) < notice.to) {
      changed.set(notice.conversation.id, notice.conversation);
    }
    gate.wake();
  });
  const timer = setInterval(() => {
    look ??= 'again';
    gate.wake();
  }, every);

  const page = async (why: 'first' | 'again'): Promise<InboxDelivery | undefined> => {
    const { rows } = await core.inbox(user, 'inbox', PAGE);
    const marks = await core.relations(
      user,
      rows.map(({ id }) => id),
    );
    const stateOf = ({ id, version }: ConversationRow): string => `${version} ${marks.get(id)?.readSeq ?? 0}`;
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
    const seen = await core.seen(user, ids);
    const rows = ids.map((id) => (seen.has(id) ? (fresh.get(id) ?? seen.get(id)) : undefined));
    const marks = await core.relations(user, ids);
    const known = rows.filter((row) => row !== undefined);
    for (const row of known) told.set(row.id, `${row.version} ${marks.get(row.id)?.readSeq ?? 0}`);
    return known.length > 0 ? { complete: false, rows: known } : step();
  };

  return feed(gate, step, () => {
    detach();
    clearInterval(timer);
  });
}

const isNotice = (notice: unknown): notice is CoreNotice =>
  typeof notice === 'object' && notice !== null && ('membership' in notice || 'conversation' in notice);
