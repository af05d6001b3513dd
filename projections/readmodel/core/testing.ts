import type { ConversationEvent } from '../../../domain/conversation.js';
import { type Uuid, membershipStream, streamOf } from '../../../domain/ids.js';
import type { MembershipEvent } from '../../../domain/membership.js';
import type { UserEvent } from '../../../domain/user.js';
import { PARTITIONS, createHistory, idOf, logWith, project } from '../../testing.js';
import type { Db } from '../db.js';
import { core } from './core.js';
import { coreQueries } from './queries.js';
import type { CoreNotice } from './rows.js';

// Tales of one conversation of Ana, read back through the questions that readers ask.

export const id = idOf(10);
/** What is said in it. */
export const [ask, answer, other] = [idOf(11), idOf(12), idOf(13)];
/** People of another home. */
export const [bob, cyd] = [idOf(2, 0xfff), idOf(3, 0xfff)];

/** A history of Ana, and what the view shows of it once all of that is in the log. */
export function tale(db: Db) {
  const history = createHistory();
  return {
    ...history,
    her: (event: UserEvent) => history.add(streamOf('user', history.user), event),
    here: (...events: readonly ConversationEvent[]) => {
      for (const event of events) history.add(streamOf('conversation', id), event);
    },
    relation: (event: MembershipEvent) => history.add(membershipStream(id, history.user), event),
    /** A conversation in which she has asked and was answered. */
    chat: () => {
      history.start(id);
      history.post(id, ask, null, 1);
      history.request(id, answer, ask, 2);
      history.begin(id, answer, 1);
      history.complete(id, answer, 1);
    },
    view: async () => {
      await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
      const notices: CoreNotice[] = [];
      const { log } = await logWith(history.events);
      await project(db, core, log, (told) => notices.push(...told));
      const queries = coreQueries({ db, partitions: PARTITIONS, reached: async () => true });
      return {
        notices,
        queries,
        user: async () => (await queries.users([history.user]))[0],
        conversation: () => queries.conversation(id),
        message: async (message: Uuid) => (await queries.messages([message]))[0],
        membership: async () => (await queries.memberships(history.user, 9)).rows[0],
        relation: async () => (await queries.relations(history.user, [id])).get(id),
      };
    },
  };
}
