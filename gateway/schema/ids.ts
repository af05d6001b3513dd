import { GraphQLError } from 'graphql';
import { validate } from 'uuid';
import type { Position } from '../../commands/command.js';
import type { Uuid } from '../../domain/ids.js';

export type NodeType = 'user' | 'conversation' | 'message';

/** A node id on the wire, as `message_<uuid>`: readable, so that people can talk about it. */
export const nodeId = (type: NodeType, id: Uuid): string => `${type}_${id}`;

/** The UUID in a node id of some type, or undefined: for a reader, a wrong id is just unknown. */
export function parseNodeId(type: NodeType, id: string): Uuid | undefined {
  const uuid = id.startsWith(`${type}_`) ? id.slice(type.length + 1) : '';
  return validate(uuid) && uuid === uuid.toLowerCase() ? uuid : undefined;
}

/** The UUID in a node id that a command names. Throws BAD_ID, naming what is wrong. */
export function requireNodeId(type: NodeType, id: string): Uuid {
  const uuid = parseNodeId(type, id);
  if (uuid === undefined) {
    throw clientError('BAD_ID', `"${id}" is not the id of a ${type}: it looks like ${type}_<lower-case uuid>.`);
  }
  return uuid;
}

/** A position as clients carry it: the log and the offsets that they want to see. */
export const positionToken = (log: Uuid, { partition, offset }: Position): string =>
  Buffer.from(JSON.stringify({ log, at: { [partition]: offset } })).toString('base64url');

/** The positions in a token. Throws BAD_POSITION, or CURSOR_EXPIRED if it speaks of another log. */
export function parsePosition(log: Uuid, token: string): readonly Position[] {
  const parsed = parseJson(Buffer.from(token, 'base64url').toString());
  if (!isToken(parsed)) throw clientError('BAD_POSITION', 'This is not a position: pass on what a command answered.');
  if (parsed.log !== log) throw clientError('CURSOR_EXPIRED', 'This position belongs to another log: fetch anew.');
  return Object.entries(parsed.at).map(([partition, offset]) => ({ partition: Number(partition), offset }));
}

/** An error that the client can mend; its code is stable. Everything else that is thrown is masked. */
export const clientError = (code: string, message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code } });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isToken = (value: unknown): value is { log: string; at: Record<string, number> } =>
  typeof value === 'object' &&
  value !== null &&
  'log' in value &&
  'at' in value &&
  typeof value.log === 'string' &&
  typeof value.at === 'object' &&
  value.at !== null &&
  Object.values(value.at).every(Number.isSafeInteger);
