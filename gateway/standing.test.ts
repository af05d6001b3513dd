import { describe, expect, it } from 'vitest';
import type { UserRow } from '../projections/readmodel/core/rows.js';
import { memorySessions } from '../projections/sessions/memory.js';
import { createStanding } from './standing.js';

const USER = '0190a000-0000-7000-8000-000000000001';

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
    // As if the notice of one session was lost.
    sessions: {
      ...sessions,
      attach: (topic, listener) => sessions.attach(topic, topic === 'session:untold' ? () => undefined : listener),
    },
    every,
    onTrouble: (error) => troubles.push(error),
  });
  const put = (version: number, status: UserRow['status']): UserRow => {
    const now: UserRow = {
      id: USER,
      version,
      name: { key: 'k', content: 'c', box: '' },
      registeredAt: '2026-01-01T00:00:00.000Z',
      status,
      instructions: null,
      theme: 'system',
      language: null,
    };
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
    sessions.endSession('told', Date.now() + 60_000);
    await expect.poll(() => losses).toEqual(['told']);
    await expect(standing.check({ user: USER, session: 'told' })).rejects.toEqual(code('SESSION_ENDED'));
    sessions.endSession('untold', Date.now() + 60_000);
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
    sessions.endSession('s', Date.now() + 60_000);
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

  it('says so where it cannot be told now, and can be later', async () => {
    const sessions = memorySessions({ now: Date.now });
    let broken = true;
    const standing = createStanding({
      core: {
        users: async () => {
          if (broken) throw new Error('the database is away');
          return [];
        },
      },
      sessions,
      every: 60_000,
      onTrouble: () => undefined,
    });
    await expect(standing.check({ user: USER })).rejects.toEqual(code('UNAVAILABLE'));
    broken = false;
    await standing.check({ user: USER });
    standing.stop();
  });
});
