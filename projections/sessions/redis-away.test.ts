import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { startServers } from './redis-servers-testing.js';
import { openAdmin, ownPrefix } from './redis-testing.js';
import { type RedisSessions, redisSessions } from './redis.js';
import type { ReplyDelta } from './sessions.js';

// What holds while Redis is away, and that it heals when it is back. Any error that nobody waits for fails the run.

const MINUTE = 60_000;
const unavailable = expect.objectContaining({ code: 'SESSIONS_UNAVAILABLE' });
const delta = (offset: number, text: string): ReplyDelta => ({ reply: 'r', attempt: 1, part: 0, offset, text });

describeWith('REDIS_URL', 'while Redis is away', () => {
  describe.each([1, 3])('of %d', (count) => {
    const prefix = ownPrefix();
    let servers: Awaited<ReturnType<typeof startServers>>;
    let sessions: RedisSessions;
    let another: RedisSessions;
    let victim = 0;
    const troubles: unknown[] = [];
    beforeAll(async () => {
      servers = await startServers(count);
      const open = () =>
        redisSessions({ url: servers.url, now: Date.now, prefix, onTrouble: (error) => troubles.push(error) });
      [sessions, another] = await Promise.all([open(), open()]);
      victim = servers.ownerOf(`${prefix}{reply:r}`);
    }, MINUTE);
    afterAll(async () => {
      sessions.close();
      another.close();
      await servers.end();
    });

    /** A session id whose key is where the reply is. */
    const sidThere = (): string => {
      for (let n = 0; ; n++) {
        if (servers.ownerOf(`${prefix}{session:s${n}}`) === victim) return `s${n}`;
      }
    };
    const hears = async (topic: string) => {
      const heard: unknown[] = [];
      await another.attach(topic, (notice) => heard.push(notice));
      return heard;
    };
    /** Tells until it is heard, for what is told while a subscription is made again is lost. */
    const delivers = (heard: readonly unknown[], topic: string): Promise<void> => {
      const n = heard.length;
      return expect
        .poll(
          () => {
            sessions.publish(topic, { again: true });
            return heard.length;
          },
          { timeout: 30_000 },
        )
        .toBeGreaterThan(n);
    };
    const back = async (): Promise<void> => {
      await expect.poll(() => sessions.connected() && another.connected(), { timeout: 30_000 }).toBe(true);
    };

    const isAway = async (sid: string): Promise<void> => {
      sessions.publish('reply:r', { lost: true });
      sessions.writeReply(delta(5, ' wor'));
      expect(await sessions.readReply('r')).toBeUndefined();
      expect(await sessions.take('r', { burst: 1, perSecond: 0.001 })).toBe(0);
      await expect(sessions.take('r', { burst: 1, perSecond: 1 }, 2)).rejects.toThrow(RangeError);
      await expect(another.hasEnded(sid)).rejects.toEqual(unavailable);
      // Its own word it knows.
      void sessions.endSession(sid, Date.now() + 10 * MINUTE);
      expect(await sessions.hasEnded(sid)).toBe(true);
      // It says that nobody else knows it yet.
      await expect(sessions.endSession(sid, Date.now() + 10 * MINUTE)).rejects.toEqual(unavailable);
      expect(await sessions.hasEnded(sid)).toBe(true);
    };
    const isWhole = async (sid: string, heard: readonly unknown[]): Promise<void> => {
      await back();
      await delivers(heard, 'reply:r');
      // No piece came after the last that was lost.
      await expect.poll(() => sessions.readReply('r'), { timeout: 10_000 }).toEqual(delta(0, 'Hello wor'));
      await expect.poll(() => heard).toContainEqual(delta(0, 'Hello wor'));
      sessions.writeReply(delta(9, 'ld'));
      await expect.poll(() => sessions.readReply('r')).toEqual(delta(0, 'Hello world'));
      await expect.poll(() => another.hasEnded(sid), { timeout: 10_000 }).toBe(true);
      expect(troubles.length).toBeGreaterThan(0);
    };

    it(
      'answers, and is whole again, when a server was killed and comes back with nothing',
      async () => {
        const sid = sidThere();
        const heard = await hears('reply:r');
        sessions.writeReply(delta(0, 'Hello'));
        await expect.poll(() => heard).toEqual([delta(0, 'Hello')]);
        await servers.kill(victim);
        await expect.poll(() => another.connected()).toBe(false);
        await isAway(sid);
        await expect(another.attach('reply:r', () => undefined)).rejects.toEqual(unavailable);
        await servers.start(victim);
        await isWhole(sid, heard);
      },
      MINUTE,
    );

    it(
      'answers, and is whole again, when a server stood still',
      async () => {
        sessions.endReply('r');
        const topic = 'reply:r';
        const heard = await hears(topic);
        await servers.stop(victim);
        expect(await sessions.readReply('r')).toBeUndefined();
        await expect(another.attach(topic, () => undefined)).resolves.toBeTypeOf('function');
        await expect.poll(() => another.connected(), { timeout: 10_000 }).toBe(false);
        await expect(another.attach(topic, () => undefined)).rejects.toEqual(unavailable);
        await servers.goOn(victim);
        await back();
        await delivers(heard, topic);
      },
      MINUTE,
    );

    it(
      'puts no more than so much on its way',
      async () => {
        await servers.stop(victim);
        troubles.length = 0;
        for (let n = 0; n < 10_001; n++) sessions.publish('reply:r', { n });
        expect(troubles).toEqual([
          expect.objectContaining({ message: expect.stringContaining('the next are dropped') }),
        ]);
        await servers.goOn(victim);
        await back();
      },
      MINUTE,
    );
  });

  it(
    'follows a topic whose slot moves to another server of a cluster',
    async () => {
      const servers = await startServers(3);
      const sessions = await redisSessions({ url: servers.url, now: Date.now, prefix: 'own:' });
      const heard: unknown[] = [];
      await sessions.attach('t', (notice) => heard.push(notice));
      const from = servers.ownerOf('own:{t}');
      servers.move('own:{t}', from, (from + 1) % 3);
      expect(servers.ownerOf('own:{t}')).not.toBe(from);
      const says = async (): Promise<void> => {
        const before = heard.length;
        await expect
          .poll(
            () => {
              sessions.publish('t', {});
              return heard.length;
            },
            { timeout: 20_000 },
          )
          .toBeGreaterThan(before);
      };
      await says();
      servers.move('own:{t}', (from + 1) % 3, from);
      await says();
      await expect.poll(sessions.counts, { timeout: 20_000 }).toEqual({ listeners: 1, topics: 1, confirmed: 1 });
      await says();
      sessions.close();
      await servers.end();
    },
    MINUTE,
  );

  it(
    'takes a password',
    async () => {
      const servers = await startServers();
      servers.ask('ACL', 'SETUSER', 'verbatim', 'on', '>s3cr@t:,', '~own:*', '&own:*', '+@all');
      servers.ask('ACL', 'SETUSER', 'default', 'off');
      const open = (login: string) =>
        redisSessions({ url: servers.url.replace('//', `//${login}@`), now: Date.now, prefix: 'own:', within: 1_000 });
      await expect(open('verbatim:wrong')).rejects.toMatchObject({
        code: 'SESSIONS_UNREACHABLE',
        message: expect.stringMatching(/^(?!.*wrong:)No Redis was found at .*WRONGPASS/),
      });
      const sessions = await open(`verbatim:${encodeURIComponent('s3cr@t:,')}`);
      await sessions.endSession('s', Date.now() + MINUTE);
      expect(await sessions.hasEnded('s')).toBe(true);
      const heard: unknown[] = [];
      await sessions.attach('t', (notice) => heard.push(notice));
      sessions.publish('t', {});
      await expect.poll(() => heard).toEqual([{}]);
      sessions.close();
      await servers.end();
    },
    MINUTE,
  );

  it('says at the start what it did not find', async () => {
    const open = (url: string) => redisSessions({ url, now: Date.now, within: 300 });
    await expect(open('redis://me:secret@127.0.0.1:1')).rejects.toEqual(
      expect.objectContaining({
        code: 'SESSIONS_UNREACHABLE',
        message: expect.stringMatching(/^No Redis was found at 127\.0\.0\.1:1 .*ECONNREFUSED/),
      }),
    );
    await expect(open('redis://127.0.0.1:1,127.0.0.1:2')).rejects.toMatchObject({ code: 'SESSIONS_UNREACHABLE' });
    for (const url of ['http://localhost', 'redis://', 'redis://a b', 'redis://a:1,b:2/3', 'redis://me:secret@,']) {
      await expect(open(url)).rejects.toMatchObject({
        code: 'SESSIONS_URL',
        message: expect.not.stringContaining('secret'),
      });
    }
  });
});

for (const [variable, kind] of [
  ['REDIS_URL', 'one Redis'],
  ['REDIS_CLUSTER_URL', 'a Redis Cluster'],
] as const) {
  describeWith(variable, `what ${kind} loses`, (url) => {
    const prefix = ownPrefix();
    let admin: Awaited<ReturnType<typeof openAdmin>>;
    let sessions: RedisSessions;
    beforeAll(async () => {
      admin = await openAdmin(url, prefix);
      sessions = await redisSessions({ url, now: Date.now, prefix });
    });
    afterAll(async () => {
      sessions.close();
      await admin.flush();
      admin.close();
    });

    it('comes back: the text so far with the next piece, who types as they type on', async () => {
      const heard: unknown[] = [];
      await sessions.attach('reply:r', (notice) => heard.push(notice));
      sessions.writeReply(delta(0, 'Once '));
      sessions.setTyping('c', 'ana', true);
      expect(await sessions.readReply('r')).toEqual(delta(0, 'Once '));
      await admin.flush();
      expect(await sessions.readReply('r')).toBeUndefined();
      expect(await sessions.readTyping('c')).toEqual([]);
      for (const [offset, text] of [
        [5, 'upon '],
        [10, 'a '],
        [12, 'time'],
      ] as const) {
        sessions.writeReply(delta(offset, text));
      }
      sessions.setTyping('c', 'ana', true);
      await expect.poll(() => sessions.readReply('r')).toEqual(delta(0, 'Once upon a time'));
      // Once for all three.
      expect(heard).toEqual([delta(0, 'Once '), delta(0, 'Once upon a time')]);
      expect(await sessions.readTyping('c')).toEqual(['ana']);
    });

    it('is heard again on every topic when all connections were cut', async () => {
      const topics = Array.from({ length: 200 }, (_, n) => `topic:${n}`);
      const heard = new Set<string>();
      const detaches = await Promise.all(topics.map((topic) => sessions.attach(topic, () => heard.add(topic))));
      expect(sessions.counts()).toMatchObject({ topics: 201, confirmed: 201 });
      expect(await admin.cut()).toBeGreaterThan(1);
      await expect.poll(() => sessions.connected(), { timeout: 10_000 }).toBe(false);
      await expect.poll(() => sessions.connected(), { timeout: 10_000 }).toBe(true);
      for (const topic of topics) sessions.publish(topic, {});
      await expect.poll(() => heard.size, { timeout: 10_000 }).toBe(topics.length);
      for (const detach of detaches) detach();
      expect(sessions.counts()).toMatchObject({ topics: 1, confirmed: 1 });
    });
  });
}
