import { describe, expect, it } from 'vitest';
import type { Uuid } from '../domain/ids.js';
import type { UserRow } from '../projections/readmodel/core/rows.js';
import { memorySessions } from '../projections/sessions/memory.js';
import { createStanding } from './standing.js';

const USER = '0190a000-0000-7000-8000-000000000001';
const ACTIVE: UserRow = {
  id: USER,
  version: 1,
  name: { key: 'k', content: 'c', box: '' },
  registeredAt: '2026-01-01T00:00:00.000Z',
  status: 'active',
  instructions: null,
  theme: 'system',
  language: null,
};

function scene(every = 20) {
  const sessions = memorySessions({ now: Date.now });
  const troubles: unknown[] = [];
  let row: UserRow | undefined;
  let asked = 0;
  const standing = createStanding({
    core: {
      users: async () => {
        asked += 1;
        return row ? [row] : [];
      },
    },
    partitions: 4,
    // As if the notice of one session was lost.
    sessions: {
      ...sessions,
      attach: (topic, listener) => sessions.attach(topic, topic === 'session:untold' ? () => undefined : listener),
    },
    every,
    onTrouble: (error) => troubles.push(error),
  });
  const put = (version: number, status: UserRow['status']): UserRow => {
    const now: UserRow = { ...ACTIVE, version, status };
    row = now;
    return now;
  };
  return { standing, sessions, put, asked: () => asked, troubles };
}
const code = (value: string) => expect.objectContaining({ extensions: { code: value } });

describe('standing', () => {
  it('is good where nothing speaks against it, and asks for it once', async () => {
    const { standing, asked } = scene(60_000);
    await standing.check({ user: USER, session: 's' });
    await standing.check({ user: USER, session: 's' });
    expect(asked()).toBe(1);
    standing.stop();
  });

  it.each(['suspended', 'erased'] as const)(
    'is lost by whoever is %s, by notice at once, and not by an older one',
    async (status) => {
      const { standing, sessions, put } = scene(60_000);
      put(1, 'active');
      let lost: unknown;
      await standing.watch({ user: USER }, (error) => {
        lost = error;
      });
      sessions.publish(`user:${USER}`, { user: put(3, status) });
      await expect.poll(() => lost).toEqual(code(status.toUpperCase()));
      sessions.publish(`user:${USER}`, { user: put(2, 'active') });
      await new Promise(setImmediate);
      await expect(standing.check({ user: USER })).rejects.toEqual(code(status.toUpperCase()));
      standing.stop();
    },
  );

  it('comes back to who is reinstated', async () => {
    const { standing, sessions, put } = scene(60_000);
    put(2, 'suspended');
    await expect(standing.check({ user: USER })).rejects.toEqual(code('SUSPENDED'));
    sessions.publish(`user:${USER}`, { user: put(3, 'active') });
    await expect
      .poll(() =>
        standing.check({ user: USER }).then(
          () => 'good',
          () => 'lost',
        ),
      )
      .toBe('good');
    standing.stop();
  });

  it('is lost with the session, told or not, and of that session only', async () => {
    const { standing, sessions } = scene();
    const losses: string[] = [];
    for (const session of ['told', 'untold', 'other']) {
      await standing.watch({ user: USER, session }, () => losses.push(session));
    }
    await sessions.endSession('told', Date.now() + 60_000);
    await expect.poll(() => losses).toEqual(['told']);
    await expect(standing.check({ user: USER, session: 'told' })).rejects.toEqual(code('SESSION_ENDED'));
    await sessions.endSession('untold', Date.now() + 60_000);
    await expect.poll(() => losses).toEqual(['told', 'untold']);
    await standing.check({ user: USER, session: 'other' });
    standing.stop();
  });

  it('is found lost where the notice of a suspension was lost', async () => {
    const { standing, put } = scene();
    put(1, 'active');
    let lost: unknown;
    await standing.watch({ user: USER }, (error) => {
      lost = error;
    });
    put(2, 'suspended');
    await expect.poll(() => lost).toEqual(code('SUSPENDED'));
    standing.stop();
  });

  it('is told to nobody who has left', async () => {
    const { standing, sessions } = scene(60_000);
    let told = 0;
    const leave = await standing.watch({ user: USER, session: 's' }, () => {
      told += 1;
    });
    leave();
    await sessions.endSession('s', Date.now() + 60_000);
    await expect
      .poll(() =>
        standing.check({ user: USER, session: 's' }).then(
          () => 'good',
          () => 'lost',
        ),
      )
      .toBe('lost');
    expect(told).toBe(0);
    standing.stop();
  });

  it('forgets whom nobody asks for any more', async () => {
    const { standing, sessions } = scene();
    await standing.check({ user: USER, session: 's' });
    expect(sessions.counts().listeners).toBe(2);
    await expect.poll(() => sessions.counts().listeners).toBe(0);
    await standing.check({ user: USER });
    standing.stop();
  });

  it('says so where it cannot be told now, and can be later; nobody is left listening for nothing', async () => {
    const sessions = memorySessions({ now: Date.now });
    let broken = true;
    let listening = 0;
    const standing = createStanding({
      core: {
        users: async () => {
          if (broken) throw new Error('the database is away');
          return [];
        },
      },
      partitions: 4,
      sessions: {
        ...sessions,
        hasEnded: async () => {
          if (broken) throw new Error('the sessions are away');
          return false;
        },
        attach: async (...args) => {
          const detach = await sessions.attach(...args);
          listening += 1;
          return () => {
            listening -= 1;
            detach();
          };
        },
      },
      every: 60_000,
      onTrouble: () => undefined,
    });
    await expect(standing.check({ user: USER, session: 's' })).rejects.toEqual(code('UNAVAILABLE'));
    await expect.poll(() => listening).toBe(0);
    broken = false;
    await standing.check({ user: USER, session: 's' });
    expect(listening).toBe(2);
    standing.stop();
  });

  describe('of one who cannot be asked about', () => {
    const never = new Promise<never>(() => undefined);
    /** A person at each of four homes, and what is asked about them and their sessions, which may be spoiled later. */
    const spoilt = () => {
      const sessions = memorySessions({ now: Date.now });
      const people = ['000', '400', '800', 'c00'].map((bucket) => `${USER.slice(0, -3)}${bucket}`);
      const troubles: string[] = [];
      const asks: Record<'users' | 'hasEnded', (id: string) => Promise<void>> = {
        users: async () => undefined,
        hasEnded: async () => undefined,
      };
      const suspended = new Set<Uuid>();
      const standing = createStanding({
        core: {
          users: async (ids) => {
            for (const id of ids) await asks.users(id);
            return ids.map((id) => ({
              ...ACTIVE,
              id,
              ...(suspended.has(id) ? { version: 2, status: 'suspended' } : {}),
            }));
          },
        },
        partitions: 4,
        // As if every notice was lost.
        sessions: {
          attach: (topic) => sessions.attach(topic, () => undefined),
          hasEnded: async (sid) => {
            await asks.hasEnded(sid);
            return sessions.hasEnded(sid);
          },
        },
        every: 5,
        onTrouble: (error) => troubles.push(error instanceof Error ? error.message : String(error)),
      });
      return { standing, sessions, people, suspended, asks, troubles };
    };

    it('holds up nobody of other homes, and is told', async () => {
      const { standing, people, suspended, asks, troubles } = spoilt();
      const lost: Uuid[] = [];
      const [stuck = '', broken = '', , opening = ''] = people;
      for (const user of people.slice(0, 3)) await standing.watch({ user }, () => lost.push(user));
      let stuckAsked = 0;
      asks.users = async (id) => {
        if (id === broken) throw new Error('its home is away');
        if (id !== stuck && id !== opening) return;
        if (id === stuck) stuckAsked += 1;
        await never;
      };
      void standing.watch({ user: opening }, () => undefined);
      await expect.poll(() => troubles.length).toBeGreaterThan(1);
      for (const user of people) suspended.add(user);
      await expect.poll(() => lost).toEqual([people[2]]);
      expect(new Set(troubles)).toEqual(new Set(['its home is away']));
      expect(stuckAsked).toBe(1);
      asks.users = async () => undefined;
      await expect.poll(() => lost).toEqual([people[2], broken]);
      standing.stop();
    });

    it('holds up no other session, and is told', async () => {
      const { standing, sessions, people, asks, troubles } = spoilt();
      const [user = ''] = people;
      const lost: string[] = [];
      const all = ['stuck', 'broken', 'another broken', 'good'];
      for (const session of all) await standing.watch({ user, session }, () => lost.push(session));
      let stuckAsked = 0;
      asks.hasEnded = async (sid) => {
        if (sid.includes('broken')) throw new Error('Redis is away');
        if (sid !== 'stuck') return;
        stuckAsked += 1;
        await never;
      };
      await expect.poll(() => troubles.length).toBeGreaterThan(1);
      for (const session of all) await sessions.endSession(session, Date.now() + 60_000);
      await expect.poll(() => lost).toEqual(['good']);
      expect(stuckAsked).toBe(1);
      expect(new Set(troubles)).toEqual(new Set(['Redis is away']));
      asks.hasEnded = async () => undefined;
      await expect.poll(() => lost).toEqual(['good', 'broken', 'another broken']);
      standing.stop();
    });

    it('does not have their session forgotten meanwhile', async () => {
      const { standing, sessions, people, asks } = spoilt();
      const [user = ''] = people;
      const lost: string[] = [];
      let goOn = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      let asked = false;
      asks.users = () => held;
      asks.hasEnded = async () => {
        asked = true;
      };
      const watching = standing.watch({ user, session: 's' }, () => lost.push('s'));
      await expect.poll(() => asked).toBe(true);
      // It was forgotten.
      await expect.poll(() => sessions.counts().listeners).toBe(1);
      goOn();
      await watching;
      await sessions.endSession('s', Date.now() + 60_000);
      await expect.poll(() => lost).toEqual(['s']);
      standing.stop();
    });
  });
});
