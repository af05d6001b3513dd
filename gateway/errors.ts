import { GraphQLError, Kind } from 'graphql';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { passes } from '../projections/readmodel/db.js';
import { SessionsError } from '../projections/sessions/sessions.js';

// Every error that leaves has a stable code in its extensions and a message for people. Those of graphql-js have none
// of their own; they get theirs here.

export type Masking = {
  readonly newId: () => string;
  /** Told of what a resolver threw that is not the client's to mend; the client gets the id. */
  readonly onFault: (id: string, error: unknown) => void;
  /** Whether the client is told what was thrown, too. */
  readonly verbose: boolean;
  /** Whether clients may read the schema, and so be told names that are like theirs. */
  readonly introspection: boolean;
};

const VIEWS_AWAY = 'This cannot be read right now. Try again in a moment.';

/** What the client sent comes back in messages, and can be large. In characters. */
const LONGEST_MESSAGE = 500;

/** An error of the document itself, as parsing (`GRAPHQL_PARSE_FAILED`) or validation found it. */
export function documentError(error: GraphQLError, code: DocumentCode, tellNames: boolean): GraphQLError {
  if (typeof error.extensions['code'] === 'string') return error;
  return withCode(error, code, tellNames ? error.message : withoutNames(error));
}

/** Suggestions are a way to read the schema where reading it is switched off. What has a code is ours, and has none. */
const withoutNames = ({ message, extensions }: GraphQLError): string =>
  typeof extensions['code'] === 'string' ? message : message.replace(/ Did you mean .*$/s, '');

type DocumentCode = 'GRAPHQL_PARSE_FAILED' | 'GRAPHQL_VALIDATION_FAILED';

/**
 * An error of an execution, as it may go out: what the client can mend goes out as it is, with a code; that live delivery
 * or the views are away, as UNAVAILABLE; of everything else it gets an id to ask about.
 */
export function maskError(error: unknown, { newId, onFault, verbose, introspection }: Masking): GraphQLError {
  if (error instanceof GraphQLError && isClients(error)) {
    return withCode(error, 'BAD_USER_INPUT', introspection ? error.message : withoutNames(error));
  }
  const cause = error instanceof GraphQLError ? (error.originalError ?? error) : error;
  const at = error instanceof GraphQLError ? { nodes: error.nodes ?? [], path: error.path ?? [] } : {};
  // It passes by itself, and the sessions have told operators of it.
  if (cause instanceof SessionsError) {
    const message = 'Live updates cannot be had right now. Try again in a moment.';
    return new GraphQLError(message, { ...at, extensions: { code: 'UNAVAILABLE' } });
  }
  // The views will be there again in a moment, and whoever keeps them has told of it.
  if (passes(cause)) {
    return new GraphQLError(VIEWS_AWAY, { ...at, extensions: { code: 'UNAVAILABLE' } });
  }
  const id = newId();
  onFault(id, cause);
  const told = verbose ? `: ${cause instanceof Error ? cause.message : String(cause)}` : '.';
  return new GraphQLError(shorten(`Something went wrong on our side${told}`), {
    ...at,
    extensions: { code: 'INTERNAL', id },
  });
}

/** Whether an error was made for the client: with a code by us, or by graphql-js about variables and arguments. */
function isClients(error: GraphQLError): boolean {
  const { originalError: cause } = error;
  if (cause && !(cause instanceof GraphQLError)) return false;
  if (typeof error.extensions['code'] === 'string') return true;
  // What has a path is about an argument, or about a result of ours that does not fit its type: that names the field.
  return error.path === undefined || error.nodes?.[0]?.kind !== Kind.FIELD;
}

function withCode(error: GraphQLError, code: string, message: string): GraphQLError {
  // The executor's word to an HTTP server that is not ours.
  const { http, ...extensions } = error.extensions;
  if (http === undefined && typeof extensions['code'] === 'string' && message.length <= LONGEST_MESSAGE) return error;
  const { nodes, source, positions, path } = error;
  return new GraphQLError(shorten(message), {
    ...(nodes ? { nodes } : {}),
    ...(source ? { source } : {}),
    ...(positions ? { positions } : {}),
    ...(path ? { path } : {}),
    extensions: { code, ...extensions },
  });
}

const shorten = (message: string): string =>
  message.length <= LONGEST_MESSAGE ? message : `${message.slice(0, LONGEST_MESSAGE).toWellFormed()}…`;

/** An error that goes away by itself: try again after `retryAfter` ms. */
export const tooFast = (retryAfter: number): GraphQLError =>
  new GraphQLError(`Too many operations: wait ${retryAfter} ms and try again.`, {
    extensions: { code: 'RATE_LIMITED', retryAfter },
  });

/** How soon a place among one's running operations is likely to be free, in ms. */
const SOON = 200;

/** More operations of one person at once than may run. */
export const tooMany = (most: number): GraphQLError =>
  new GraphQLError(
    `At most ${most} queries and mutations of one person run at a time. Wait ${SOON} ms and try again.`,
    {
      extensions: { code: 'TOO_MANY_OPERATIONS', retryAfter: SOON },
    },
  );

const statuses: Readonly<Record<string, ContentfulStatusCode>> = {
  TOKEN_MISSING: 401,
  TOKEN_EXPIRED: 401,
  TOKEN_INVALID: 401,
  SESSION_ENDED: 401,
  SUSPENDED: 403,
  ERASED: 403,
  RATE_LIMITED: 429,
  TOO_MANY_OPERATIONS: 429,
  UNAVAILABLE: 503,
  INTERNAL: 500,
};

/** The HTTP status of an operation that did not run. */
export const statusOf = (errors: readonly GraphQLError[]): ContentfulStatusCode =>
  statuses[String(errors[0]?.extensions['code'])] ?? 400;
