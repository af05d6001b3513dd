import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BUCKETS,
  bucketOf,
  bucketOfStream,
  derivedId,
  homeOf,
  inBucket,
  instanceStream,
  isClientId,
  isUuid,
  membershipId,
  membershipStream,
  nameFor,
  parseStream,
  partitionOf,
  randomUuid,
  streamKinds,
  streamOf,
  timedId,
} from './ids.js';
import { clientId } from './testing.js';

const bucket = fc.nat(BUCKETS - 1);
const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const anyId = fc.uuid();

describe('a bucket', () => {
  it('is the last three hex digits of an id', () => {
    expect(bucketOf('019b7e3c-0000-7000-8000-00000000a1f0')).toBe(0x1f0);
  });

  it('can be given to any id, which keeps everything else', () => {
    fc.assert(
      fc.property(anyId, bucket, (id, to) => {
        const moved = inBucket(id, to);
        expect(bucketOf(moved)).toBe(to);
        expect(moved.slice(0, -3)).toBe(id.slice(0, -3));
        expect(isUuid(moved)).toBe(true);
      }),
    );
  });
});

describe('a home', () => {
  it('is never outside the partitions, grows with the bucket, and leaves no partition empty', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 256 }), (partitions) => {
        const homes = Array.from({ length: BUCKETS }, (_, each) => partitionOf(each, partitions));
        expect(homes[0]).toBe(0);
        expect(homes.at(-1)).toBe(partitions - 1);
        expect(homes).toEqual(homes.toSorted((a, b) => a - b));
        expect(new Set(homes).size).toBe(partitions);
      }),
      { numRuns: 30 },
    );
  });

  it('is as even as it can be: no home has twice the buckets of another', () => {
    for (const partitions of [3, 4, 7, 24, 100]) {
      const sizes = new Map<number, number>();
      for (let each = 0; each < BUCKETS; each++) {
        const home = partitionOf(each, partitions);
        sizes.set(home, (sizes.get(home) ?? 0) + 1);
      }
      expect(Math.max(...sizes.values()) - Math.min(...sizes.values())).toBeLessThanOrEqual(1);
    }
  });

  it('is the same for a person, their conversations and their memberships elsewhere', () => {
    fc.assert(
      fc.property(anyId, time, bytes, anyId, (user, at, random, elsewhere) => {
        const conversation = timedId(at, random, bucketOf(user));
        const home = homeOf(streamOf('user', user), 24);
        expect(homeOf(streamOf('conversation', conversation), 24)).toBe(home);
        expect(homeOf(membershipStream(elsewhere, user), 24)).toBe(home);
      }),
    );
  });

  it('of the instance is the first partition', () => {
    expect(homeOf(instanceStream, 24)).toBe(0);
  });
});

describe('ids', () => {
  it('in time are ordered by their time and could be made by a client', () => {
    fc.assert(
      fc.property(fc.uniqueArray(time, { minLength: 2 }), bytes, bucket, (times, random, to) => {
        const ids = times.toSorted((a, b) => a - b).map((at) => timedId(at, random, to));
        expect(ids.every(isClientId)).toBe(true);
        expect(ids).toEqual(ids.toSorted());
      }),
    );
  });

  it('that follow from a name come out the same, differ by name, and are not for clients', () => {
    const reply = clientId(1);
    expect(derivedId(reply, 'claim:1')).toBe(derivedId(reply, 'claim:1'));
    expect(derivedId(reply, 'claim:1')).not.toBe(derivedId(reply, 'claim:2'));
    expect(derivedId(reply, 'claim:1')).not.toBe(derivedId(clientId(2), 'claim:1'));
    expect(isClientId(derivedId(reply, 'claim:1'))).toBe(false);
    expect(isUuid(derivedId(reply, 'claim:1'))).toBe(true);
  });

  it('of a command that follows from a name has the bucket of its stream', () => {
    const stream = streamOf('conversation', clientId(1, 0xabc));
    const name = nameFor(stream, clientId(2), 'claim:1');
    expect(bucketOf(name)).toBe(0xabc);
    expect(bucketOfStream(stream)).toBe(0xabc);
    expect(nameFor(stream, clientId(2), 'claim:1')).toBe(name);
    expect(nameFor(stream, clientId(2), 'claim:2')).not.toBe(name);
    expect(isClientId(name)).toBe(false);
  });

  it('without order are not for clients either', () => {
    fc.assert(
      fc.property(bytes, (random) => {
        expect(isUuid(randomUuid(random))).toBe(true);
        expect(isClientId(randomUuid(random))).toBe(false);
      }),
    );
  });

  it.each(['', 'x', clientId(1).toUpperCase(), `${clientId(1)} `, clientId(1).slice(1)])(
    'do not look like "%s"',
    (id) => {
      expect(isUuid(id)).toBe(false);
      expect(isClientId(id)).toBe(false);
    },
  );

  it('of a membership are those of one person and one conversation', () => {
    const [user, other] = [clientId(1, 0xabc), clientId(2, 0xabc)];
    expect(membershipId(clientId(3), user)).not.toBe(membershipId(clientId(3), other));
    expect(membershipId(clientId(3), user)).not.toBe(membershipId(clientId(4), user));
    expect(bucketOf(membershipId(clientId(3), user))).toBe(0xabc);
  });
});

describe('the name of a stream', () => {
  it('is read back as it was made', () => {
    fc.assert(
      fc.property(fc.constantFrom(...streamKinds), anyId, (kind, id) => {
        expect(parseStream(streamOf(kind, id))).toEqual({ kind, id });
      }),
    );
  });

  it.each([
    '',
    'conversation',
    'conversation-',
    `message-${clientId(1)}`,
    `conversation-${clientId(1).toUpperCase()}`,
    clientId(1),
  ])('is not "%s"', (name) => {
    expect(() => parseStream(name)).toThrow(/not the name of a stream/);
  });
});
