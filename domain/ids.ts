import { NIL, v4, v5, v7, validate } from 'uuid';

/** A lower-case UUID. Its last three hex digits are its bucket, which fixes the home of what it names. */
export type Uuid = string;

export const BUCKETS = 4096;

/** The bucket of an id, 0–4095. */
export const bucketOf = (id: Uuid): number => parseInt(id.slice(-3), 16);

/** The home of a bucket: the partition of the log, the tables and the gateway alike. */
export const partitionOf = (bucket: number, partitions: number): number => Math.floor((bucket * partitions) / BUCKETS);

/** The same id, moved into a bucket. */
export const inBucket = (id: Uuid, bucket: number): Uuid => id.slice(0, -3) + bucket.toString(16).padStart(3, '0');

/** A time-ordered id (RFC 9562, version 7). `at` is in ms since 1970, `random` holds 16 random bytes. */
export const timedId = (at: number, random: Uint8Array, bucket: number): Uuid =>
  inBucket(v7({ msecs: at, random }), bucket);

/** An id without order or home, for what is never stored by it. `random` holds 16 random bytes. */
export const randomUuid = (random: Uint8Array): Uuid => v4({ random });

/**
 * An id that follows from a name (RFC 9562, version 5), for what must come out the same when it is made again:
 * users, memberships, the commands of reactors. Clients may not use such ids for their commands.
 */
export const derivedId = (namespace: Uuid, name: string, bucket?: number): Uuid =>
  bucket === undefined ? v5(name, namespace) : inBucket(v5(name, namespace), bucket);

/** Whether this is a UUID in lower case: a second spelling of an id would be a second stream. */
export const isUuid = (id: string): boolean => validate(id) && id === id.toLowerCase();

/** Whether a client may have made this id: a lower-case UUID of version 7. */
export const isClientId = (id: string): boolean => isUuid(id) && id[14] === '7';

export const streamKinds = ['user', 'conversation', 'membership', 'instance'] as const;
export type StreamKind = (typeof streamKinds)[number];

/** The name of a stream, as `conversation-<uuid>`. */
export type Stream = `${StreamKind}-${Uuid}`;

export const streamOf = (kind: StreamKind, id: Uuid): Stream => `${kind}-${id}`;

/** The kind and the id in a stream's name. Throws on anything else: only our own code makes these names. */
export function parseStream(stream: string): { kind: StreamKind; id: Uuid } {
  const at = stream.indexOf('-');
  const kind = streamKinds.find((known) => known === stream.slice(0, at));
  const id = stream.slice(at + 1);
  if (!kind || !isUuid(id)) throw new Error(`not the name of a stream: ${stream}`);
  return { kind, id };
}

/** The bucket of a stream, which is also that of the id of every command to it. Throws as `parseStream` does. */
export const bucketOfStream = (stream: string): number => bucketOf(parseStream(stream).id);

export const homeOf = (stream: string, partitions: number): number => partitionOf(bucketOfStream(stream), partitions);

/** The id of a command to a stream that follows from a name, so that it comes out the same when it is made again. */
export const nameFor = (stream: Stream, namespace: Uuid, name: string): Uuid =>
  derivedId(namespace, name, bucketOfStream(stream));

/** The one stream of settings and of the operators' audit. Its bucket is 000. */
export const instanceStream: Stream = streamOf('instance', NIL);

/** The id of one person's relation to one conversation; it lives at the person's home. */
export const membershipId = (conversation: Uuid, user: Uuid): Uuid => derivedId(conversation, user, bucketOf(user));

export const membershipStream = (conversation: Uuid, user: Uuid): Stream =>
  streamOf('membership', membershipId(conversation, user));
