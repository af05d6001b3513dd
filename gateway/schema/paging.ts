import { clientError } from './ids.js';

/** The size of a page. Throws BAD_INPUT beyond 1 to 100. */
export function pageSize(first: number): number {
  if (first >= 1 && first <= 100) return first;
  throw clientError('BAD_INPUT', `A page holds 1 to 100 entries, not ${first}.`);
}

/** The cursor behind an entry of the sidebar: its place in the order, opaque. */
export const cursorOf = ({ activeAt, id }: { activeAt: string; id: string }): string =>
  Buffer.from(`${activeAt} ${id}`).toString('base64url');

/** The place in a cursor. Throws BAD_INPUT. */
export function parseCursor(cursor: string): { activeAt: string; id: string } {
  const [activeAt, id, ...rest] = Buffer.from(cursor, 'base64url').toString().split(' ');
  if (activeAt && id && rest.length === 0 && !Number.isNaN(Date.parse(activeAt))) return { activeAt, id };
  throw clientError('BAD_INPUT', 'This is not the cursor of a page: pass on an `endCursor`.');
}
