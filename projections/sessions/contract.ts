import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limitsContract } from './limits-contract.js';
import { ENDED_MS, REPLY_MS, type ReplyDelta, type Sessions, TYPING_MS } from './sessions.js';

/** The one contract of all session views. `open` gives empty ones, which take the time from `now` (ms since 1970). */
export function sessionsContract(name: string, open: (now: () => number) => Promise<Sessions>): void {
  describe(`the sessions contract on ${name}`, () => {
    let time = Date.parse('2026-01-01T00:00:00.000Z');
    let sessions: Sessions;
    beforeEach(async () => {
      sessions = await open(() => time);
    });
    afterEach(() => sessions.close());
    const pass = (ms: number): void => {
      time += ms;
    };

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

    it('takes a piece that comes again for what it is, and drops one that leaves a gap', async () => {
      const { heard } = await listen('reply:r');
      sessions.writeReply(delta(1, 0, 'Hel'));
      sessions.writeReply(delta(1, 4, 'o'));
      sessions.writeReply(delta(1, 0, 'Hel'));
      sessions.writeReply(delta(1, 3, 'lo 🙂'));
      sessions.writeReply(delta(1, 8, '!'));
      sessions.writeReply(delta(2, 3, 'later'));
      await expect.poll(() => heard.at(-1)).toEqual(delta(1, 8, '!'));
      expect(heard).not.toContainEqual(delta(1, 4, 'o'));
      expect(await sessions.readReply('r')).toEqual(delta(1, 0, 'Hello 🙂!'));
    });

    it('goes on from where a piece begins, in UTF-16 units, whatever was behind it', async () => {
      sessions.writeReply(delta(1, 0, 'ä 🙂 – b'));
      sessions.writeReply(delta(1, 7, 'c'));
      expect(await sessions.readReply('r')).toEqual(delta(1, 0, 'ä 🙂 – c'));
      sessions.writeReply(delta(1, 4, '!'));
      expect(await sessions.readReply('r')).toEqual(delta(1, 0, 'ä 🙂!'));
      sessions.writeReply(delta(1, 5, ''));
      expect(await sessions.readReply('r')).toEqual(delta(1, 0, 'ä 🙂!'));
    });

    it('keeps what is written before anybody listens, and replies apart', async () => {
      sessions.writeReply(delta(1, 0, 'early'));
      sessions.writeReply({ ...delta(3, 0, 'other'), reply: 'q' });
      expect(await sessions.readReply('r')).toEqual(delta(1, 0, 'early'));
      expect(await sessions.readReply('q')).toMatchObject({ attempt: 3, text: 'other' });
      expect(await sessions.readReply('nobody')).toBeUndefined();
    });

    it('drops what comes after the end', async () => {
      const { heard } = await listen('reply:r');
      sessions.endReply('r');
      sessions.writeReply(delta(9, 0, 'late'));
      sessions.publish('reply:r', { flush: true });
      await expect.poll(() => heard.at(-1)).toEqual({ flush: true });
      expect(heard).toEqual([{ reply: 'r', ended: true }, { flush: true }]);
      expect(await sessions.readReply('r')).toBeUndefined();
    });

    it('tells of a topic between attaching and detaching, as often as somebody does so', async () => {
      const first = await listen('t');
      first.detach();
      const second = await listen('t');
      sessions.publish('t', { n: 1 });
      await expect.poll(() => second.heard).toEqual([{ n: 1 }]);
      first.detach();
      sessions.publish('t', { n: 2 });
      await expect.poll(() => second.heard).toEqual([{ n: 1 }, { n: 2 }]);
      expect(first.heard).toEqual([]);
    });

    it('forgets a reply that has ended, and says that it has', async () => {
      const { heard } = await listen('reply:r');
      sessions.writeReply(delta(1, 0, 'all'));
      sessions.endReply('r');
      await expect.poll(() => heard.at(-1)).toEqual({ reply: 'r', ended: true });
      expect(await sessions.readReply('r')).toBeUndefined();
    });

    it('keeps the text of a reply as long as it goes on, and not for ever', async () => {
      sessions.writeReply(delta(1, 0, 'Hel'));
      pass(REPLY_MS - 1);
      sessions.writeReply(delta(1, 3, 'lo'));
      pass(REPLY_MS - 1);
      expect(await sessions.readReply('r')).toEqual(delta(1, 0, 'Hello'));
      pass(1);
      expect(await sessions.readReply('r')).toBeUndefined();
    });

    it('remembers the end of a reply for a while', async () => {
      sessions.endReply('r');
      pass(ENDED_MS - 1);
      sessions.writeReply(delta(9, 0, 'late'));
      expect(await sessions.readReply('r')).toBeUndefined();
    });

    it('knows who types where, in the order in which they began, and tells each change', async () => {
      const { heard } = await listen('typing:c');
      sessions.setTyping('c', 'ana', true);
      sessions.setTyping('c', 'bob', true);
      sessions.setTyping('d', 'cleo', true);
      sessions.setTyping('c', 'ana', true);
      expect(await sessions.readTyping('c')).toEqual(['ana', 'bob']);
      expect(await sessions.readTyping('d')).toEqual(['cleo']);
      expect(await sessions.readTyping('nowhere')).toEqual([]);
      sessions.setTyping('c', 'ana', false);
      sessions.setTyping('nowhere', 'ana', false);
      expect(await sessions.readTyping('c')).toEqual(['bob']);
      expect(await sessions.readTyping('nowhere')).toEqual([]);
      await expect
        .poll(() => heard)
        .toEqual([
          { user: 'ana', typing: true },
          { user: 'bob', typing: true },
          { user: 'ana', typing: true },
          { user: 'ana', typing: false },
        ]);
    });

    it('takes nobody for typing longer than TYPING_MS after they last said so', async () => {
      sessions.setTyping('c', 'ana', true);
      sessions.setTyping('c', 'bob', true);
      pass(TYPING_MS - 1);
      sessions.setTyping('c', 'bob', true);
      expect(await sessions.readTyping('c')).toEqual(['ana', 'bob']);
      pass(1);
      expect(await sessions.readTyping('c')).toEqual(['bob']);
      pass(TYPING_MS - 1);
      expect(await sessions.readTyping('c')).toEqual([]);
    });

    it('remembers a session that is over as long as it was asked to, and tells it', async () => {
      const { heard } = await listen('session:s');
      const kept = sessions.endSession('s', time + 1_000);
      expect(await sessions.hasEnded('s')).toBe(true);
      await kept;
      expect(await sessions.hasEnded('s')).toBe(true);
      expect(await sessions.hasEnded('another')).toBe(false);
      await expect.poll(() => heard).toEqual([{ ended: true }]);
      pass(999);
      expect(await sessions.hasEnded('s')).toBe(true);
      pass(1);
      expect(await sessions.hasEnded('s')).toBe(false);
    });

    it('never forgets the end of a session earlier than it said before', async () => {
      void sessions.endSession('s', time + 1_000);
      void sessions.endSession('s', time + 10);
      pass(500);
      expect(await sessions.hasEnded('s')).toBe(true);
      await sessions.endSession('s', time + 1_000);
      pass(999);
      expect(await sessions.hasEnded('s')).toBe(true);
      pass(1);
      expect(await sessions.hasEnded('s')).toBe(false);
    });

    limitsContract(() => sessions, pass);
  });
}
