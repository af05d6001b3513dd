import type { Uuid } from '../../domain/ids.js';
import type { ConversationNotice, CoreQueries } from '../../projections/readmodel/core/rows.js';
import type { Sessions } from '../../projections/sessions/sessions.js';
import { createGate, feed } from './feed.js';
import type { Heads } from './heads.js';

/** What a follower gets: the rows that versions (from, to] changed. */
export type ConversationDelivery = Omit<ConversationNotice, 'people'>;

/** A reader that falls this far behind re-reads from the view: a queue without a bound only hides the load. */
const LONGEST_QUEUE = 64;

/**
 * Everything that happens in a conversation after version `asOf`, each change once and in order. It attaches before it
 * reads. A notice that is not newer is dropped, one that leaves a gap is only a reason to read again, and the repeated
 * head finds what nobody told. Ends when the conversation is deleted.
 */
export async function followConversation(
  { core, sessions, heads }: { core: CoreQueries; sessions: Sessions; heads: Heads },
  id: Uuid,
  asOf: number,
): Promise<AsyncGenerator<ConversationDelivery>> {
  const gate = createGate();
  let queue: ConversationNotice[] = [];
  let last = asOf;
  let behind = true;
  let over = false;

  const readAgain = (): void => {
    behind = true;
    queue = [];
    gate.wake();
  };
  const detach = await sessions.attach(`conversation:${id}`, (notice) => {
    if (!isNotice(notice)) return;
    if (queue.push(notice) > LONGEST_QUEUE) readAgain();
    gate.wake();
  });
  const unwatch = heads.watch(id, (version) => {
    if (version > last && queue.length === 0) readAgain();
  });

  const deliver = (notice: ConversationDelivery): ConversationDelivery => {
    const delivery = { ...notice, from: last, messages: notice.messages.filter(({ version }) => version > last) };
    last = notice.to;
    over = notice.conversation.deleted;
    return delivery;
  };

  const step = async (): Promise<ConversationDelivery | 'wait' | 'end'> => {
    if (over) return 'end';
    if (behind) {
      behind = false;
      const changes = await core.changes(id, last);
      if (changes && changes.to > last) return deliver({ ...changes, from: last });
    }
    for (let notice = queue.shift(); notice; notice = queue.shift()) {
      if (notice.to <= last) continue;
      if (notice.from <= last) return deliver(notice);
      readAgain();
    }
    return 'wait';
  };

  return feed(gate, step, () => {
    detach();
    unwatch();
  });
}

const isNotice = (notice: unknown): notice is ConversationNotice =>
  typeof notice === 'object' && notice !== null && 'from' in notice && 'to' in notice && 'messages' in notice;
