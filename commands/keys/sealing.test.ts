import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { payloadHash, seal, unseal } from './sealing.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

describe('sealing', () => {
  const key = random(32);

  it('opens what it sealed, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, content) => {
        expect(unseal(key, seal(key, 'user-a', content, text, random(12)), content)).toBe(text);
      }),
    );
  });

  it('opens nowhere else, under no other key, and not if a bit was changed', () => {
    const sealed = seal(key, 'user-a', 'm/0', 'a secret', random(12));
    const broken = expect.objectContaining({ code: 'SEAL_BROKEN' });
    expect(() => unseal(key, sealed, 'm/1')).toThrow(broken);
    expect(() => unseal(random(32), sealed, 'm/0')).toThrow(broken);
    expect(() => unseal(key, { ...sealed, key: 'user-b' }, 'm/0')).toThrow(broken);
    expect(() => unseal(key, { ...sealed, content: 'm/1' }, 'm/0')).toThrow(broken);
    const box = Buffer.from(sealed.box, 'base64');
    for (let length = 0; length < box.length; length++) {
      const cut = { ...sealed, box: box.subarray(0, length).toString('base64') };
      expect(() => unseal(key, cut, 'm/0')).toThrow(broken);
    }
    for (let at = 0; at < box.length; at++) {
      const flipped = Buffer.from(box);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(() => unseal(key, { ...sealed, box: flipped.toString('base64') }, 'm/0')).toThrow(broken);
    }
  });

  it('seals every time differently, and only with a nonce of the length by which it is opened', () => {
    const twice = [1, 2].map(() => seal(key, 'user-a', 'm/0', 'a secret', random(12)).box);
    expect(twice[0]).not.toBe(twice[1]);
    for (const bytes of [0, 11, 16]) expect(() => seal(key, 'user-a', 'm/0', '', random(bytes))).toThrow(RangeError);
  });

  it('hashes a payload the same every time, whatever the order of its fields, and never alike under another key', () => {
    const hash = payloadHash(key, { a: 1, b: { plain: 'text' } });
    expect(payloadHash(key, { b: { plain: 'text' }, a: 1 })).toBe(hash);
    expect(payloadHash(key, { a: 1, b: { plain: 'other' } })).not.toBe(hash);
    expect(payloadHash(random(32), { a: 1, b: { plain: 'text' } })).not.toBe(hash);
    expect(payloadHash(undefined, { a: 1 })).toBe(payloadHash(undefined, { a: 1 }));
  });
});
