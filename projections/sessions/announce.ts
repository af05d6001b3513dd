import type { CoreNotice } from '../readmodel/core/rows.js';
import type { Sessions } from './sessions.js';

/**
 * Tells what a commit of the core view changed: those who watch a conversation and the sidebars of its people; of a
 * person's own relation to one, their sidebar alone; of a person, those who watch that person.
 */
export function announce(sessions: Sessions, notices: readonly CoreNotice[]): void {
  for (const notice of notices) {
    if ('user' in notice) {
      sessions.publish(`user:${notice.user.id}`, notice);
    } else if ('membership' in notice) {
      sessions.publish(`inbox:${notice.membership.person}`, notice);
    } else {
      sessions.publish(`conversation:${notice.conversation.id}`, notice);
      for (const person of notice.people) sessions.publish(`inbox:${person}`, notice);
    }
  }
}
