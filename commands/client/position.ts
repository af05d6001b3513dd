import type { Uuid } from '../../domain/ids.js';
import type { Position } from '../command.js';

/** BAD_POSITION: this is no token. CURSOR_EXPIRED: it speaks of another log, or of more than this one holds. */
export class PositionError extends Error {
  override name = 'PositionError';
  constructor(
    readonly code: 'BAD_POSITION' | 'CURSOR_EXPIRED',
    message: string,
  ) {
    super(message);
  }
}

/** Positions as people and clients carry them: the log, and for each partition the offset below which all is meant. */
export const positionToken = (log: Uuid, positions: readonly Position[]): string => {
  const at = Object.fromEntries(positions.map(({ partition, offset }) => [partition, offset]));
  return Buffer.from(JSON.stringify({ log, at })).toString('base64url');
};

/** The positions in a token. Throws PositionError. */
export function parsePosition(log: Uuid, token: string): readonly Position[] {
  const parsed = parseJson(Buffer.from(token, 'base64url').toString());
  if (!isToken(parsed)) {
    throw new PositionError('BAD_POSITION', 'This is not a position: pass on what a command or a replay answered.');
  }
  if (parsed.log !== log) {
    throw new PositionError('CURSOR_EXPIRED', 'This position belongs to another log: fetch anew.');
  }
  return Object.entries(parsed.at).map(([partition, offset]) => ({ partition: Number(partition), offset }));
}

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
  Object.entries(value.at).every(([partition, offset]) => /^\d{1,5}$/.test(partition) && isOffset(offset));

const isOffset = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
