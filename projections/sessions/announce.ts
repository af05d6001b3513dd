import type { CoreNotice } from '../readmodel/core/rows.js';
import type { Sessions } from './sessions.js';

/** Tells the watchers of a conversation, and of its starter's sidebar, what a commit of the core view changed. */
export function announce(sessions: Sessions, notices: readonly CoreNotice[]): void {
  for (const notice of notices) {
    if ('read' in notice) {
      sessions.publish(`inbox:${notice.read.person}`, notice);
      continue;
    }
    sessions.publish(`conversation:${notice.conversation.id}`, notice);
    sessions.publish(`inbox:${notice.conversation.starter}`, notice);
  }
}
