import { GraphQLError } from 'graphql';
import { validate } from 'uuid';
import { PositionError, parsePosition } from '../../commands/client/position.js';
import type { Position } from '../../commands/command.js';
import type { Uuid } from '../../domain/ids.js';

/** What can be asked for by its id alone. */
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

/** The positions in a token that a client sends. Throws BAD_POSITION, or CURSOR_EXPIRED if it speaks of another log. */
export function requirePosition(log: Uuid, token: string): readonly Position[] {
  try {
    return parsePosition(log, token);
  } catch (error) {
    throw error instanceof PositionError ? clientError(error.code, error.message) : error;
  }
}

/** An error that the client can mend; its code is stable. Everything else that is thrown is masked. */
export const clientError = (code: string, message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code } });
