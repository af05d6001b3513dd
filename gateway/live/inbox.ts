import type { Uuid } from '../../domain/ids.js';
import type { CoreNotice, Relation, SeenConversation } from '../../projections/readmodel/core/rows.js';
import { openFeed } from './feed.js';
import type { Live } from './guard.js';

/** `complete`: these are the whole first page. `gone`: what is in the list no longer, for this person. */
export type InboxDelivery = {
  readonly complete: boolean;
  readonly rows: readonly SeenConversation[];
  readonly gone: readonly Uuid[];
};

const PAGE = 50;
/** Of how many conversations it is known what was told; of others it is told again. */
const MOST_KNOWN = 500;
const GONE = 'gone';

/**
 * A person's sidebar: a whole page on attaching, then each conversation that changed, in its newest state, or that it is
 * gone. Changes that come while a slow reader is busy are told as one. It has no cursor to resume from. Every `every` ms
 * it is looked at again, and what is not as it was told is told anew: a lost last notice heals so late, for each look costs
 * some statements.
 */
export const followInbox = (
  { core, sessions }: Pick<Live, 'core' | 'sessions'>,
  user: Uuid,
  every = 30_000,
): Promise<AsyncGenerator<InboxDelivery>> =>
  openFeed(async (feed) => {
    const told = new Map<Uuid, string>();
    const changed = new Set<Uuid>();
    let look: 'first' | 'again' | undefined = 'first';

    const detach = await sessions.attach(`inbox:${user}`, (notice) => {
      if (!isNotice(notice) || 'user' in notice) return;
      changed.add('membership' in notice ? notice.membership.conversation : notice.conversation.id);
      feed.wake();
    });
    feed.onClose(detach);
    const timer = setInterval(() => {
      look ??= 'again';
      feed.wake();
    }, every);
    feed.onClose(() => clearInterval(timer));

    const tell = (id: Uuid, state: string): void => {
      told.delete(id);
      told.set(id, state);
      const [oldest] = told.keys();
      if (told.size > MOST_KNOWN && oldest !== undefined) told.delete(oldest);
    };

    const page = async (why: 'first' | 'again'): Promise<InboxDelivery | undefined> => {
      const { rows } = await core.inbox(user, 'inbox', PAGE);
      const ids = rows.map(({ id }) => id);
      const relations = await core.relations(user, ids);
      if (why === 'again') {
        // What is further down, or gone: whoever does not stand on the page is asked for.
        for (const id of told.keys()) if (!ids.includes(id)) changed.add(id);
        if (rows.every((row) => told.get(row.id) === stateOf(row, relations.get(row.id)))) return undefined;
      }
      for (const row of rows) tell(row.id, stateOf(row, relations.get(row.id)));
      return { complete: true, rows, gone: [] };
    };

    const changes = async (): Promise<InboxDelivery | undefined> => {
      const ids = [...changed];
      changed.clear();
      const [seen, relations] = await Promise.all([core.seen(user, ids), core.relations(user, ids)]);
      const states = ids.map((id) => {
        const row = seen.get(id);
        const relation = relations.get(id);
        return row && isListed(row, relation) ? { id, row, state: stateOf(row, relation) } : { id, state: GONE };
      });
      const fresh = states.filter(({ id, state }) => told.get(id) !== state);
      for (const { id, state } of fresh) tell(id, state);
      if (fresh.length === 0) return undefined;
      return {
        complete: false,
        rows: fresh.flatMap(({ row }) => (row ? [row] : [])),
        gone: fresh.flatMap(({ id, row }) => (row ? [] : [id])),
      };
    };

    return async () => {
      while (look || changed.size > 0) {
        const why = look;
        look = undefined;
        const delivery = why ? await page(why) : await changes();
        if (delivery) return delivery;
      }
      return 'wait';
    };
  });

const isListed = ({ deleted }: SeenConversation, relation: Relation | undefined): boolean =>
  !deleted && !relation?.hidden && !relation?.archived;

const stateOf = ({ version, role }: SeenConversation, relation: Relation | undefined): string =>
  JSON.stringify([version, role, relation]);

const isNotice = (notice: unknown): notice is CoreNotice =>
  typeof notice === 'object' &&
  notice !== null &&
  ('membership' in notice || 'user' in notice || ('conversation' in notice && 'to' in notice));
