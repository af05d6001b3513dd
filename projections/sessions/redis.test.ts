import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { sessionsContract } from './contract.js';
import { openAdmin, ownPrefix } from './redis-testing.js';
import { memorySessions } from './memory.js';
import { redisSessions } from './redis.js';
import { ENDED_MS, REPLY_MS, type Sessions, TYPING_MS } from './sessions.js';

for (const [variable, kind] of [
  ['REDIS_URL', 'one Redis'],
  ['REDIS_CLUSTER_URL', 'a Redis Cluster'],
] as const) {
  describeWith(variable, `sessions in ${kind}`, (url) => {
    const prefix = ownPrefix();
    let opened = 0;
    let admin: Awaited<ReturnType<typeof openAdmin>>;
    beforeAll(async () => {
      admin = await openAdmin(url, prefix);
    });
    afterAll(async () => {
      await admin.flush();
      admin.close();
    });
    const troubles: unknown[] = [];
    sessionsContract(kind, (now) =>
      redisSessions({ url, now, prefix: `${prefix}${(opened += 1)}:`, onTrouble: (error) => troubles.push(error) }),
    );

    it('does as the sessions in memory do, whatever comes', async () => {
      let time = Date.parse('2026-01-01T00:00:00.000Z');
      const now = (): number => time;
      const names = fc.constantFrom('a', 'b');
      const times = fc.constantFrom(0, 1, TYPING_MS - 1, TYPING_MS, ENDED_MS, REPLY_MS);
      const step = fc.oneof(
        fc.record({
          reply: names,
          attempt: fc.integer({ min: 1, max: 3 }),
          part: fc.constant(0),
          offset: fc.integer({ min: 0, max: 8 }),
          text: fc.constantFrom('', 'a', 'äé', '– –'),
        }),
        fc.record({ end: names }),
        fc.record({ conversation: names, user: names, typing: fc.boolean() }),
        fc.record({ sid: names, ms: times }),
        fc.record({ key: names, count: fc.integer({ min: 1, max: 3 }) }),
        fc.record({ pass: times }),
      );
      type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
      const topics = ['a', 'b'].flatMap((id) => [`reply:${id}`, `typing:${id}`, `session:${id}`]);
      const play = async (sessions: Sessions, steps: readonly Step[]) => {
        time = Date.parse('2026-01-01T00:00:00.000Z');
        const seen: unknown[] = [];
        // By topic, for the order among topics is nobody's.
        const heard = new Map(topics.map((topic): [string, unknown[]] => [topic, []]));
        for (const [topic, notices] of heard) await sessions.attach(topic, (notice) => notices.push(notice));
        for (const each of steps) {
          if ('reply' in each) sessions.writeReply(each);
          else if ('end' in each) sessions.endReply(each.end);
          else if ('user' in each) sessions.setTyping(each.conversation, each.user, each.typing);
          else if ('sid' in each) await sessions.endSession(each.sid, time + each.ms);
          else if ('key' in each) seen.push(await sessions.take(each.key, { burst: 3, perSecond: 0.5 }, each.count));
          else time += each.pass;
          for (const id of ['a', 'b']) {
            seen.push(await sessions.readReply(id), await sessions.readTyping(id), await sessions.hasEnded(id));
          }
        }
        for (const [topic, notices] of heard) {
          sessions.publish(topic, { over: true });
          await expect.poll(() => notices.at(-1), { interval: 2 }).toEqual({ over: true });
        }
        sessions.close();
        return { seen, heard };
      };
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
          const inRedis = await redisSessions({ url, now, prefix: `${prefix}${(opened += 1)}:` });
          expect(await play(inRedis, steps)).toEqual(await play(memorySessions({ now }), steps));
        }),
        { numRuns: 40 },
      );
    }, 60_000);

    it('tells what another process says, and knows what it knows', async () => {
      const open = () => redisSessions({ url, now: Date.now, prefix: `${prefix}two:` });
      const [one, other] = await Promise.all([open(), open()]);
      const heard: unknown[] = [];
      await one.attach('reply:r', (notice) => heard.push(notice));
      other.writeReply({ reply: 'r', attempt: 1, part: 0, offset: 0, text: 'Hel' });
      await expect.poll(() => heard.length).toBe(1);
      expect(await one.readReply('r')).toMatchObject({ text: 'Hel' });
      // Whoever takes over a reply begins anew.
      one.writeReply({ reply: 'r', attempt: 2, part: 0, offset: 0, text: 'Once' });
      await expect.poll(() => heard.length).toBe(2);
      other.writeReply({ reply: 'r', attempt: 1, part: 0, offset: 3, text: 'lo' });
      expect(await other.readReply('r')).toMatchObject({ attempt: 2, text: 'Once' });
      await other.endSession('s', Date.now() + 60_000);
      expect(await one.hasEnded('s')).toBe(true);
      const rate = { burst: 1, perSecond: 0.001 };
      expect([await one.take('k', rate), (await other.take('k', rate)) > 0]).toEqual([0, true]);
      expect(heard).toHaveLength(2);
      one.close();
      other.close();
    });

    it('gives every key a time to live', async () => {
      const ttls = await admin.ttls();
      expect(ttls.size).toBeGreaterThan(30);
      expect([...ttls].filter(([, ttl]) => ttl < 0)).toEqual([]);
      expect(troubles).toEqual([]);
    });
  });
}
