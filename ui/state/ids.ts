/** New ids are UUIDs of version 7: 48 bits of time, then random bits, and at the end the bucket of what they belong to. */

/** The id of a new command to something that has an id. */
export function newId(bucketOf: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const time = Date.now().toString(16).padStart(12, '0');
  const random = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const variant = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${random.slice(13, 16)}`,
    `${variant.toString(16)}${random.slice(18, 20)}`,
    `${random.slice(20, 29)}${bucketOf.slice(-3)}`,
  ].join('-');
}

/** The id of a new conversation or message at the home of something that has an id. */
export const newNodeId = (type: 'conversation' | 'message', homeOf: string): string => `${type}_${newId(homeOf)}`;
