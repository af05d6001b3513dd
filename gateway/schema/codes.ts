import type { RejectionCode } from '../../domain/decider.js';

/** What a code means and what to do, for the schema and its reference. */
type Meanings<Code extends string> = {
  readonly [Each in Code]: { readonly value: Each; readonly description: string };
};

/** Why a command was refused: the values of the enum `ErrorCode`. */
export const errorCodes = {
  NOT_FOUND: { value: 'NOT_FOUND', description: 'It does not exist, or it is not for you to see: both look alike.' },
  FORBIDDEN: { value: 'FORBIDDEN', description: 'You see it, but your role does not allow this.' },
  SUSPENDED: { value: 'SUSPENDED', description: 'Your account is suspended: only operators change that.' },
  CONFLICT: {
    value: 'CONFLICT',
    description: 'The branch has grown since: look at what came (`head`), and send it again with another `commandId`.',
  },
  ID_TAKEN: { value: 'ID_TAKEN', description: 'What was to be made has an id that exists: make a new one.' },
  WRONG_BUCKET: {
    value: 'WRONG_BUCKET',
    description: 'The last three hex digits of an id are not those that it must have.',
  },
  INVALID: { value: 'INVALID', description: 'Something in the command cannot be: `message` says what.' },
  TOO_LARGE: {
    value: 'TOO_LARGE',
    description: 'There is more of something than is allowed: `message` says how much is.',
  },
  REPLY_RUNNING: {
    value: 'REPLY_RUNNING',
    description: 'A reply is still being written here: wait for its end, or stop it.',
  },
  STALE: { value: 'STALE', description: 'Something later has overtaken it.' },
  VERSION_MISMATCH: {
    value: 'VERSION_MISMATCH',
    description: 'The `expected` version is not the one that it has: read it again, and decide anew.',
  },
  COMMAND_ID_REUSED: {
    value: 'COMMAND_ID_REUSED',
    description: 'Another command had this `commandId`: each wish has an id of its own.',
  },
  EXPIRED: {
    value: 'EXPIRED',
    description: 'It came too late to be done. Send it again: the same `commandId` will do.',
  },
  UNAVAILABLE: {
    value: 'UNAVAILABLE',
    description: 'It cannot be done right now, and was not. Send it again in a moment, with the same `commandId`.',
  },
  FAILED: {
    value: 'FAILED',
    description: 'The server could not decide it. It will not by itself: tell the operators.',
  },
} as const satisfies Meanings<RejectionCode>;

/** Codes of requests that failed as a whole, or of a field that could not be answered: `errors[].extensions.code`. */
export const requestCodes: Readonly<Record<string, string>> = {
  TOKEN_MISSING: 'No access token came with the request. Sign in.',
  TOKEN_EXPIRED: 'The access token has ended. Refresh it, and ask again.',
  TOKEN_INVALID: 'This is not an access token for this service.',
  SESSION_ENDED: 'You have signed out, or were signed out. Sign in again.',
  SUSPENDED: 'Your account is suspended: only operators change that.',
  ERASED: 'This account was erased.',
  ORIGIN_NOT_ALLOWED: 'The request comes from a page of somebody else.',
  UNSUPPORTED_MEDIA_TYPE: 'Send `application/json`.',
  LENGTH_REQUIRED: 'Say how large the body is (`content-length`).',
  BODY_TOO_LARGE: 'The body is too large: the message says how large it may be.',
  HEADERS_TOO_LARGE: 'The headers are too large: the message says how large they may be.',
  REQUEST_TIMEOUT: 'The request came too slowly. Send it again.',
  WRONG_HOST: 'This server does not answer to the name in `Host`: the message says to which.',
  METHOD_NOT_ALLOWED: 'Send POST, or open a WebSocket.',
  BAD_REQUEST: 'The body is no GraphQL request, or this transport cannot serve it.',
  RATE_LIMITED: 'You ask faster than you may. Wait for `retryAfter` ms, which stands beside the code.',
  TOO_MANY_OPERATIONS:
    'You run so many operations at a time, on this socket or at all: end some, or wait for `retryAfter` ms where it is given.',
  TOO_MANY_SOCKETS: 'You, or those at your address, have so many sockets open: close some, or wait a little.',
  GRAPHQL_PARSE_FAILED: 'The document is no GraphQL.',
  GRAPHQL_VALIDATION_FAILED: 'The document does not fit the schema: the message says where.',
  DOCUMENT_TOO_LARGE: 'The document is too deep, too costly, or names too many fields. Ask in smaller pieces.',
  DOCUMENT_UNKNOWN: 'No document has this hash. Reload the page, or send the document itself where that is allowed.',
  DOCUMENT_NOT_ALLOWED:
    'This server takes the documents of its own page only, unless the token has the scope `api`, which only programs get.',
  OPERATION_UNKNOWN: 'The document has no operation of this name, or several and none was named.',
  BAD_USER_INPUT: 'A variable or an argument does not fit its type: the message says which.',
  BAD_INPUT: 'A value cannot be what it is: the message says what can be.',
  BAD_ID: 'Something that is no id, or the id of something else, stands where an id must.',
  BAD_POSITION: 'This is no position: pass on one that a command answered with.',
  CURSOR_EXPIRED: 'The position is of another log: the server was set up anew since. Fetch again without it.',
  NOT_FOUND: 'It does not exist, or it is not for you to see: both look alike.',
  FORBIDDEN: 'Your role does not allow this.',
  UNAVAILABLE: 'This cannot be told right now. Ask again in a moment.',
  UNKNOWN_VIEW: 'There is no view of that name: the message lists those that there are.',
  NOT_PARKED: 'Nothing of that stream is set aside in that view: there is nothing to try again.',
  RETRY_REFUSED: 'It was tried again and refused again: `deadLetters` says why.',
  NO_ANSWER: 'The view did not answer in time. It may still do it: look at `deadLetters`.',
  INTERNAL: 'A fault on our side. The `id` beside the code is what operators find it by.',
};
