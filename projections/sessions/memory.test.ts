import { expect, it } from 'vitest';
import { sessionsContract } from './contract.js';
import { memorySessions } from './memory.js';

sessionsContract('memory', async (now) => memorySessions({ now }));

it('holds nothing that has expired, though nobody asks for it', async () => {
  let time = 0;
  const sessions = memorySessions({ now: () => time, sweepEvery: 5 });
  for (let n = 0; n < 100; n++) {
    sessions.writeReply({ reply: `running ${n}`, attempt: 1, part: 0, offset: 0, text: 'text' });
    sessions.endReply(`ended ${n}`);
    sessions.setTyping(`conversation ${n % 10}`, `person ${n}`, true);
    void sessions.endSession(`session ${n}`, 1_000);
    await sessions.take(`key ${n}`, { burst: 1, perSecond: 1 });
  }
  expect(sessions.counts().kept).toBe(500);
  time = 3_600_000;
  await expect.poll(() => sessions.counts().kept).toBe(0);
  sessions.close();
});

it('keeps no listener of anybody who has detached', async () => {
  const sessions = memorySessions({ now: Date.now });
  const [one, other] = [await sessions.attach('t', () => undefined), await sessions.attach('t', () => undefined)];
  const third = await sessions.attach('u', () => undefined);
  expect(sessions.counts().listeners).toBe(3);
  one();
  one();
  expect(sessions.counts().listeners).toBe(2);
  other();
  third();
  expect(sessions.counts().listeners).toBe(0);
  sessions.close();
});

it('makes one copy of a notice for all who hear it', async () => {
  const sessions = memorySessions({ now: Date.now });
  const heard: unknown[] = [];
  for (let n = 0; n < 2; n++) await sessions.attach('t', (notice) => heard.push(notice));
  sessions.publish('t', { n: 1 });
  await expect.poll(() => heard).toHaveLength(2);
  expect(heard[0]).toBe(heard[1]);
  sessions.close();
});
