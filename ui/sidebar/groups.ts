import type { Conversation } from '../state/inbox.js';

export type Group = { readonly name: string; readonly conversations: readonly Conversation[] };

const DAY = 24 * 3600_000;

/** The heading under which a time stands in the sidebar, seen from `now` (both in the reader's own time zone). */
export function groupName(at: Date, now: Date): string {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const time = at.getTime();
  if (time >= midnight) return 'Today';
  if (time >= midnight - DAY) return 'Yesterday';
  if (time >= midnight - 7 * DAY) return 'Previous 7 days';
  if (time >= midnight - 30 * DAY) return 'Previous 30 days';
  const year = at.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' as const };
  return new Intl.DateTimeFormat('en', { month: 'long', ...year }).format(at);
}

/** Conversations under their headings, in the order in which they come. */
export function groupByTime(conversations: readonly Conversation[], now: Date): readonly Group[] {
  const groups = new Map<string, Conversation[]>();
  for (const conversation of conversations) {
    const name = groupName(new Date(conversation.activeAt), now);
    groups.set(name, [...(groups.get(name) ?? []), conversation]);
  }
  return [...groups].map(([name, members]) => ({ name, conversations: members }));
}
