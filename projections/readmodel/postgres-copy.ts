import { once } from 'node:events';
import type pg from 'pg';
import { from } from 'pg-copy-streams';
import { DbError } from './db.js';
import { type ColumnType, type Row, type Table, snake } from './table.js';

// Rows as COPY … (FORMAT binary) takes them: the fastest way into Postgres that there is.

/** Adds rows of one home to a table. Where one of them is there already, or is no row of the table, none is added. */
export async function copyRows(
  client: pg.ClientBase,
  schema: string,
  table: Table,
  home: number,
  rows: readonly Row[],
): Promise<void> {
  const names = Object.keys(table.columns).map(snake).join(', ');
  // Before anything is asked: what cannot be written must not leave a COPY half done.
  const bytes = encodeRows(table, home, rows);
  const stream = client.query(from(`COPY ${schema}.${table.name} (home, ${names}) FROM STDIN (FORMAT binary)`));
  // What was refused while it was still being sent is told a second time, when the stream finds that nobody listens.
  stream.on('error', () => undefined);
  const finished = once(stream, 'finish');
  stream.end(bytes);
  await finished;
}

/** A signature, no flags, no extension. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const EPOCH_MS = Date.UTC(2000, 0, 1);
/** About as many bytes as a row takes. */
const ROOM = 512;

/** All rows of one home as one piece, with what comes before and after them. */
function encodeRows({ columns }: Table, home: number, rows: readonly Row[]): Buffer {
  const fields = Object.entries(columns);
  const out = createBytes(HEADER.length + rows.length * ROOM);
  out.bytes(HEADER);
  for (const row of rows) {
    out.int16(fields.length + 1);
    out.int32(4);
    out.int32(home);
    for (const [field, type] of fields) encode(out, type, row[field]);
  }
  out.int16(-1);
  return out.done();
}

function encode(out: Bytes, type: ColumnType, value: unknown): void {
  if (value === null || value === undefined) return out.int32(-1);
  switch (type) {
    case 'int':
      if (typeof value !== 'number' || value !== (value | 0)) throw unfit(type);
      out.int32(4);
      return out.int32(value);
    case 'bigint':
      if (!Number.isSafeInteger(value)) throw unfit(type);
      out.int32(8);
      return out.int64(Number(value));
    case 'boolean':
      if (typeof value !== 'boolean') throw unfit(type);
      out.int32(1);
      return out.byte(value ? 1 : 0);
    case 'timestamptz':
      out.int32(8);
      return out.int64(microsOf(value));
    case 'uuid':
      out.int32(16);
      return out.uuid(textOf(value, type));
    case 'text':
      return out.sized(textOf(value, type));
    case 'jsonb':
      return out.sized(JSON.stringify(value), JSONB_VERSION);
  }
}

/** The first byte of a value says in which form the rest is. */
const JSONB_VERSION = 1;

/** What a database may read in another way than this does, or not at all, is not for this to tell: an insert can. */
const unfit = (type: ColumnType): DbError =>
  new DbError('DB_STATEMENT', `This is not written as a COPY has a ${type}.`);

function textOf(value: unknown, type: ColumnType): string {
  if (typeof value !== 'string') throw unfit(type);
  return value;
}

/**
 * A time, as all of ours are written, in µs since 2000, as Postgres counts. There are many other ways to write one, days
 * that there are not, and times too far away for a number to hold.
 */
function microsOf(value: unknown): number {
  const text = textOf(value, 'timestamptz');
  const ms = Date.parse(text);
  const micros = (ms - EPOCH_MS) * 1_000;
  if (!Number.isSafeInteger(micros) || new Date(ms).toISOString() !== text) throw unfit('timestamptz');
  return micros;
}

const DASH = 0x2d;
const DASHES = [8, 13, 18, 23];
/** What each character is worth as a hex digit; none is worth 16 or more. */
const DIGITS = new Uint8Array(0x100).map((_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase());
  return digit < 0 ? 16 : digit;
});

type Bytes = ReturnType<typeof createBytes>;

function createBytes(size: number) {
  let buffer = Buffer.allocUnsafe(size);
  let at = 0;
  const room = (bytes: number): void => {
    if (at + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, at + bytes));
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };
  const int32 = (value: number): void => {
    room(4);
    at = buffer.writeInt32BE(value, at);
  };
  const byte = (value: number): void => {
    room(1);
    buffer[at++] = value;
  };
  return {
    byte,
    int32,
    bytes: (more: Buffer): void => {
      room(more.length);
      at += more.copy(buffer, at);
    },
    int16: (value: number): void => {
      room(2);
      at = buffer.writeInt16BE(value, at);
    },
    /** A whole number that a double holds. */
    int64: (value: number): void => {
      const high = Math.floor(value / 2 ** 32);
      int32(high);
      int32((value - high * 2 ** 32) | 0);
    },
    uuid: (text: string): void => {
      room(16);
      let isOne = text.length === 36 && DASHES.every((place) => text.charCodeAt(place) === DASH);
      for (let place = 0; place < 36 && isOne; place += 2) {
        if (text.charCodeAt(place) === DASH) place += 1;
        const high = DIGITS[text.charCodeAt(place)] ?? 16;
        const low = DIGITS[text.charCodeAt(place + 1)] ?? 16;
        isOne = high < 16 && low < 16;
        buffer[at++] = (high << 4) | low;
      }
      if (!isOne) throw unfit('uuid');
    },
    /** A text with its size in front, and a byte in between if there is to be one. */
    sized: (text: string, mark?: number): void => {
      // No character takes more than three bytes for each unit of it.
      room(5 + 3 * text.length);
      const begun = at;
      at += 4;
      if (mark !== undefined) byte(mark);
      at += buffer.write(text, at);
      buffer.writeInt32BE(at - begun - 4, begun);
    },
    done: (): Buffer => buffer.subarray(0, at),
  };
}
