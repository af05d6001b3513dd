import { once } from 'node:events';
import type pg from 'pg';
import { from } from 'pg-copy-streams';
import { type ColumnType, type Table, snake } from '../../projections/readmodel/table.js';

// Rows as COPY … (FORMAT binary) takes them: the fastest way into Postgres that there is.

/** A signature, no flags, no extension. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const EPOCH_MS = Date.UTC(2000, 0, 1);

/** Writes rows of one home. */
export async function copyRows(
  client: pg.Client,
  schema: string,
  table: Table,
  home: number,
  rows: readonly object[],
): Promise<void> {
  const names = Object.keys(table.columns).map(snake).join(', ');
  const stream = client.query(from(`COPY ${schema}.${table.name} (home, ${names}) FROM STDIN (FORMAT binary)`));
  const finished = once(stream, 'finish');
  stream.end(encodeRows(table, home, rows));
  await finished;
}

/** All rows of one home as one piece, with what comes before and after them. */
function encodeRows({ columns }: Table, home: number, rows: readonly object[]): Buffer {
  const fields = Object.entries(columns);
  const out = createBytes();
  out.bytes(HEADER);
  for (const row of rows) {
    const values = new Map<string, unknown>(Object.entries(row));
    out.int16(fields.length + 1);
    out.int32(4);
    out.int32(home);
    for (const [field, type] of fields) encode(out, type, values.get(field));
  }
  out.int16(-1);
  return out.done();
}

function encode(out: Bytes, type: ColumnType, value: unknown): void {
  if (value === null || value === undefined) return out.int32(-1);
  switch (type) {
    case 'int':
      out.int32(4);
      return out.int32(Number(value));
    case 'bigint':
      out.int32(8);
      return out.int64(BigInt(Number(value)));
    case 'boolean':
      out.int32(1);
      return out.bytes(Buffer.of(value === true ? 1 : 0));
    case 'timestamptz':
      out.int32(8);
      return out.int64(BigInt(Date.parse(textOf(value)) - EPOCH_MS) * 1_000n);
    case 'uuid':
      out.int32(16);
      return out.text(textOf(value).replaceAll('-', ''), 'hex', 16);
    case 'text':
      return out.sized('', textOf(value));
    case 'jsonb':
      // Its first byte is the version of the form.
      return out.sized('\u0001', JSON.stringify(value));
  }
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`a ${typeof value} where a text should be`);
  return value;
}

type Bytes = ReturnType<typeof createBytes>;

function createBytes() {
  let buffer = Buffer.allocUnsafe(1 << 16);
  let at = 0;
  const room = (bytes: number): void => {
    if (at + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, at + bytes));
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };
  const bytes = (more: Buffer): void => {
    room(more.length);
    at += more.copy(buffer, at);
  };
  const int32 = (value: number): void => {
    room(4);
    at = buffer.writeInt32BE(value, at);
  };
  const text = (value: string, encoding: BufferEncoding, length: number): void => {
    room(length);
    at += buffer.write(value, at, encoding);
  };
  return {
    bytes,
    int32,
    text,
    int16: (value: number): void => {
      room(2);
      at = buffer.writeInt16BE(value, at);
    },
    int64: (value: bigint): void => {
      room(8);
      at = buffer.writeBigInt64BE(value, at);
    },
    /** A text with its size in front. */
    sized: (mark: string, value: string): void => {
      const length = mark.length + Buffer.byteLength(value);
      int32(length);
      text(mark + value, 'utf8', length);
    },
    done: (): Buffer => buffer.subarray(0, at),
  };
}
