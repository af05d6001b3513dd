import pg from 'pg';
import { DbError } from './db.js';

/**
 * What says that a connection is lost, or leads to a server that cannot do its part now: it shuts down, crashed or starts
 * (57P01 to 57P05), lost one behind it (class 08; but 08P01 is a statement of a wrong form), ended an idle transaction
 * (25P03), or takes no writes because another one took over (25006).
 */
const LOST = /^(57P0[1-5]|08(?!P01)...|25P03|25006)$/;

/** An error of the driver as ours. `isBroken`: the connection has ended. */
export function faultOf(error: unknown, isBroken: boolean): DbError {
  if (error instanceof DbError) return error;
  const what = error instanceof Error ? error.message : String(error);
  if (error instanceof pg.DatabaseError) {
    const { code = 'DB_STATEMENT' } = error;
    return LOST.test(code) ? lost(`${code}, ${what}`) : new DbError(code, what);
  }
  return isBroken || isOfSocket(error) ? lost(what) : new DbError('DB_STATEMENT', what);
}

const lost = (what: string): DbError =>
  new DbError('DB_RESTARTED', `A connection to Postgres is lost, and with it what came of the statement: ${what}`);

/** It has no code where the driver gave up waiting, or found that the connection had ended. */
const isOfSocket = (error: unknown): boolean =>
  error instanceof Error &&
  (/^(Query read timeout|Connection terminated|Client (has encountered|was closed))/.test(error.message) ||
    ('code' in error && /^E(?!RR_)[A-Z_]+$/.test(String(error.code))));

/** No connection could be made. Nothing was asked. Without room for one more (class 53) that is said. */
export function unreachable(error: unknown): DbError {
  if (error instanceof DbError) return error;
  if (error instanceof pg.DatabaseError && error.code?.startsWith('53')) return new DbError(error.code, error.message);
  return new DbError('DB_RESTARTED', `Postgres cannot be reached: ${reasonOf(error)}`);
}

/** Of a name with several addresses each is tried; the error of all of them says nothing by itself. */
export const reasonOf = (error: unknown): string =>
  error instanceof AggregateError
    ? error.errors.map(reasonOf).join('; ')
    : error instanceof Error
      ? error.message
      : String(error);

/** A statement was prepared for tables that have changed since. */
export const isStalePlan = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.routine === 'RevalidateCachedQuery';

/** Two that waited for each other, of which this one gave way (class 40): nothing of it was done. */
export const gaveWay = (error: unknown): boolean => error instanceof DbError && /^40(?!003)/.test(error.code);
