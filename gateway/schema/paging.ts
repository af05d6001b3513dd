import { isUuid } from '../../domain/ids.js';
import { builder } from './builder.js';
import { clientError } from './ids.js';

/** The size of a page. Throws BAD_INPUT beyond 1 to 100. */
export function pageSize(first: number): number {
  if (first >= 1 && first <= 100) return first;
  throw clientError('BAD_INPUT', `A page holds 1 to 100 entries, not ${first}.`);
}

/** Where a page ends: whether there is more, and the cursor behind its last entry. */
export type PageEnd = { readonly more: boolean; readonly cursor: string | undefined };

export const PageInfo = builder.objectRef<PageEnd>('PageInfo').implement({
  description: 'Where a page ends.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('more', { description: 'Whether there is more.' }),
    endCursor: t.string({
      nullable: true,
      description: 'Pass it as `after` for the next page; null where this one is empty.',
      resolve: ({ cursor }) => cursor ?? null,
    }),
  }),
});

/** A place in a list as clients get it: opaque. */
export const cursorOf = (...place: readonly string[]): string => Buffer.from(place.join(' ')).toString('base64url');

const noCursor = () => clientError('BAD_INPUT', 'This is not the cursor of a page here: pass on an `endCursor`.');

/** The place in the sidebar in a cursor. Throws BAD_INPUT. */
export function parseCursor(cursor: string): { activeAt: string; id: string } {
  const [activeAt, id, ...rest] = placeIn(cursor);
  if (activeAt && id && isUuid(id) && rest.length === 0 && isTime(activeAt)) return { activeAt, id };
  throw noCursor();
}

/** The place in a list that is sorted by ids. Throws BAD_INPUT. */
export function parseIdCursor(cursor: string): string {
  const [id, ...rest] = placeIn(cursor);
  if (id && isUuid(id) && rest.length === 0) return id;
  throw noCursor();
}

/** Whether it is a time as cursors hold it. `Date.parse` alone takes much that the database does not, as "1". */
const isTime = (text: string): boolean =>
  text.length === '2026-01-31T00:00:00.000Z'.length &&
  !Number.isNaN(Date.parse(text)) &&
  new Date(text).toISOString() === text;

const placeIn = (cursor: string): readonly string[] => Buffer.from(cursor, 'base64url').toString().split(' ');
