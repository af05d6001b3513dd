import { describe, expect, it } from 'vitest';
import { newId, newNodeId } from './ids.js';

describe('ids', () => {
  it('are UUIDs of version 7 of now', () => {
    const before = Date.now();
    const id = newId('user_fff');
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const time = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });

  it('end in the bucket of what they belong to', () => {
    const user = 'user_6f1e0c52-3d0a-5b1c-8a52-7d0c2f6e8abc';
    const conversation = newNodeId('conversation', user);
    expect(conversation).toMatch(/^conversation_[0-9a-f-]{33}abc$/);
    expect(newNodeId('message', conversation)).toMatch(/^message_[0-9a-f-]{33}abc$/);
    expect(newId(conversation)).toMatch(/^[0-9a-f-]{33}abc$/);
  });

  it('differ', () => {
    const ids = Array.from({ length: 1_000 }, () => newNodeId('message', 'conversation_fff'));
    expect(new Set(ids).size).toBe(1_000);
  });
});
