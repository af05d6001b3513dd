import type { GraphQLError } from 'graphql';
import { clientError } from './schema/ids.js';

/** A GraphQL request as both transports hand it over: a document, or the hash of one that is known. */
export type Operation = {
  readonly query?: string | undefined;
  /** `sha256:<64 hex digits>` of a document of the page. */
  readonly documentId?: string | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
};

/**
 * Reads an operation from the body of a POST or the payload of a frame. Returns what is wrong with it instead: BAD_REQUEST,
 * with what to send. An empty `query` counts as none, for sockets must send one.
 */
export function operationOf(body: unknown): Operation | GraphQLError {
  if (Array.isArray(body)) return badRequest('One operation per request: send them one by one, not in an array.');
  if (!isRecord(body)) return badRequest('Send a JSON object: { "query": …, "variables": … }.');
  const { query, documentId, operationName, variables } = body;
  if (!isText(query)) return badRequest('`query` must be a string: a GraphQL document.');
  if (!isText(documentId)) return badRequest('`documentId` must be a string: "sha256:…".');
  if (!isText(operationName)) return badRequest('`operationName` must be a string.');
  if (variables !== undefined && variables !== null && !isRecord(variables)) {
    return badRequest('`variables` must be an object: names and their values.');
  }
  if (query && documentId) return badRequest('Send a `query` or a `documentId`, not both.');
  if (!query && !documentId) return badRequest('Send a `query` (a GraphQL document) or a `documentId` ("sha256:…").');
  return { query: query || undefined, documentId: documentId || undefined, operationName, variables };
}

const badRequest = (message: string): GraphQLError => clientError('BAD_REQUEST', message);

const isText = (value: unknown): value is string | null | undefined =>
  value === undefined || value === null || typeof value === 'string';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
