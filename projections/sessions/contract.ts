import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReplyDelta, Sessions } from './sessions.js';

/** The one contract of all session views. */
export function sessionsContract(name: string, open: () => Promise<Sessions>): void {
  describe(`the sessions contract on ${name}`, () => {
    let sessions: Sessions;
    beforeEach(async () => {
      sessions = await open();
    });
    afterEach(() => sessions.close());

    const delta = (attempt: number, offset: number, text: string): ReplyDelta => ({
      reply: 'r',
      attempt,
      part: 0,
      offset,
      text,
    });
    const listen = async (topic: string) => {
      const heard: unknown[] = [];
      const detach = await sessions.attach(topic, (notice) => heard.push(notice));
      return { heard, detach };
    };

    it('tells all who are attached to a topic, in order, and nobody else', async () => {
      const [a, b, other] = [await listen('t'), await listen('t'), await listen('u')];
      sessions.publish('t', { n: 1 });
      sessions.publish('t', { n: 2 });
      await expect.poll(() => b.heard.length).toBe(2);
      expect(a.heard).toEqual([{ n: 1 }, { n: 2 }]);
      expect(b.heard).toEqual([{ n: 1 }, { n: 2 }]);
      expect(other.heard).toEqual([]);
    });

    it('tells nobody who has detached, even of what was on its way', async () => {
      const [gone, here] = [await listen('t'), await listen('t')];
      sessions.publish('t', { n: 1 });
      gone.detach();
      sessions.publish('t', { n: 2 });
      await expect.poll(() => here.heard.length).toBe(2);
      expect(gone.heard).toEqual([]);
    });

    it('shares no reference between who tells and who hears', async () => {
      const notice = { list: [1] };
      const { heard } = await listen('t');
      sessions.publish('t', notice);
      notice.list.push(2);
      await expect.poll(() => heard).toEqual([{ list: [1] }]);
    });

    it('keeps the text so far of a running reply, and tells each piece', async () => {
      const { heard } = await listen('reply:r');
      sessions.writeReply(delta(1, 0, 'Hel'));
      sessions.writeReply(delta(1, 3, 'lo'));
      await expect.poll(() => heard).toEqual([delta(1, 0, 'Hel'), delta(1, 3, 'lo')]);
      expect(await sessions.readReply('r')).toEqual(delta(1, 0, 'Hello'));
    });

    it('begins anew with a higher attempt, and drops a lower one', async () => {
      sessions.writeReply(delta(1, 0, 'first'));
      sessions.writeReply(delta(2, 0, 'second'));
      sessions.writeReply(delta(1, 5, ' late'));
      expect(await sessions.readReply('r')).toEqual(delta(2, 0, 'second'));
    });

    it('forgets a reply that has ended, and says that it has', async () => {
      const { heard } = await listen('reply:r');
      sessions.writeReply(delta(1, 0, 'all'));
      sessions.endReply('r');
      await expect.poll(() => heard.at(-1)).toEqual({ reply: 'r', ended: true });
      expect(await sessions.readReply('r')).toBeUndefined();
    });
  });
}
