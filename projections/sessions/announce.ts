import type { Change } from '../../commands/reactors/reactor.js';
import { shownTopic } from '../reached.js';
import type { CoreNotice } from '../readmodel/core/rows.js';
import type { Sessions } from './sessions.js';
import type { Wait } from '../wait.js';

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

/** The least time between two notices of one home, in ms. */
const SHOWN_MS = 20;

/**
 * Tells how far a view is at its homes, for those who wait elsewhere: at once, and then from time to time as long as there
 * is more. Whoever misses one looks by themselves.
 */
export function announceShown(
  sessions: Pick<Sessions, 'publish'>,
  view: string,
  wait: Wait,
): (home: number, offset: number) => void {
  /** What is to be told of the homes of which something was told a moment ago. */
  const next = new Map<number, number | undefined>();
  const tell = (home: number, offset: number): void => {
    next.set(home, undefined);
    sessions.publish(shownTopic(view, home), { offset });
    void wait(SHOWN_MS).then(() => {
      const more = next.get(home);
      next.delete(home);
      if (more !== undefined) tell(home, more);
    });
  };
  return (home, offset) => {
    if (next.has(home)) next.set(home, offset);
    else tell(home, offset);
  };
}

/** So many obligations are told of at once. */
const CHANGES = 500;

/**
 * Where those who keep obligations in other processes hear that some came, changed or ended, as `{ ids, home }`: what they
 * are is read. Of those that have only ended there is no home: whoever does not know them need not.
 */
export const OBLIGATIONS_TOPIC = 'obligations';

/** Tells of what a commit of the view of obligations changed, at one home, in pieces. */
export function announceObligations(sessions: Pick<Sessions, 'publish'>, changes: readonly Change[]): void {
  const [home] = changes.flatMap((change) => ('ended' in change ? [] : [change.position.partition]));
  const ids = changes.map((change) => ('ended' in change ? change.ended : change.id));
  for (let at = 0; at < ids.length; at += CHANGES) {
    sessions.publish(OBLIGATIONS_TOPIC, { ids: ids.slice(at, at + CHANGES), ...(home !== undefined && { home }) });
  }
}
