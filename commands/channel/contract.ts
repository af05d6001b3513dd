import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type Command, type CommandChannel, Refused } from '../command.js';
import type { Log } from '../log/log.js';
import { HOME, history, markRead, start } from '../worker/testing.js';
import type { Worker } from '../worker/worker.js';

/** A channel, and workers over it that share a log and what is stored of it. */
export type ChannelBench = {
  readonly channel: CommandChannel;
  readonly log: Log;
  /** One worker more. */
  employ(): Promise<Worker>;
  /** Lets everything go. Workers are stopped before. */
  close(): Promise<void>;
};

export type ChannelLimits = { readonly capacity?: number; readonly room?: number };

/** Long enough for a busy machine, in ms: what takes that long has failed. */
const PATIENCE = 30_000;

/** In time for the clock of the machine, which the parts of a real channel go by. */
export const inTime = (ms = PATIENCE): { readonly deadline: string } => ({
  deadline: new Date(Date.now() + ms).toISOString(),
});

const read = (conversation: number, seq: number): Command => markRead(conversation, seq, inTime());

/** What every way of commands to the owners, and of answers back, must do. */
export function channelContract(name: string, open: (limits?: ChannelLimits) => Promise<ChannelBench>): void {
  describe(`the channel: ${name}`, { timeout: 2 * PATIENCE }, () => {
    let bench: ChannelBench;
    let workers: Worker[] = [];
    const employ = async (): Promise<Worker> => {
      const worker = await bench.employ();
      workers.push(worker);
      return worker;
    };
    const dismiss = async (): Promise<void> => {
      for (const worker of workers.splice(0)) await worker.stop();
    };
    beforeEach(async () => {
      workers = [];
      bench = await open();
    }, PATIENCE);
    afterEach(async () => {
      await dismiss();
      await bench.close();
    }, PATIENCE);
    const submit = (command: Command): Promise<Answer> => bench.channel.submit(HOME, command);

    it('has every command decided once, and its answer brought back', async () => {
      await employ();
      const commands = Array.from({ length: 200 }, (_, n) => read(n % 20, 1 + Math.floor(n / 20)));
      const answers = await Promise.all(commands.map(submit));
      expect(answers.every(({ status }) => status === 'accepted')).toBe(true);
      const { events, outcomes } = await history(bench.log);
      expect(events).toHaveLength(200);
      expect(outcomes.map(({ command }) => command).toSorted()).toEqual(commands.map(({ id }) => id).toSorted());
    });

    it('keeps the order in which the commands of a stream were submitted', async () => {
      // Each is news only behind the one before it.
      const answers = Array.from({ length: 150 }, (_, n) => submit(read(1, n + 1)));
      await employ();
      expect((await Promise.all(answers)).map((answer) => 'version' in answer && answer.version)).toEqual(
        Array.from({ length: 150 }, (_, n) => n + 1),
      );
    });

    it('takes commands for each partition', async () => {
      await employ();
      // Only their own home decides them; any other says so, and is there.
      const answers = await Promise.all([0, 1, 2, 3].map((partition) => bench.channel.submit(partition, read(1, 1))));
      expect(answers.map((answer) => ('code' in answer ? answer.code : answer.status))).toEqual([
        'WRONG_BUCKET',
        'accepted',
        'WRONG_BUCKET',
        'WRONG_BUCKET',
      ]);
      expect(answers.map(({ position }) => position.partition)).toEqual([0, 1, 2, 3]);
    });

    it('brings rejections and refusals back as they are', async () => {
      await employ();
      expect(await submit(read(1, -1))).toMatchObject({ status: 'rejected', code: 'INVALID' });
      const late = start({ deadline: new Date(Date.now() + 8 * 24 * 3_600_000).toISOString() });
      const refused = await submit(late).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(Refused);
      expect(refused).toMatchObject({ code: 'EXPIRED', message: expect.stringContaining('7 days') });
    });

    it('tells one that is sent twice, together or later, the same', async () => {
      await employ();
      const command = read(1, 1);
      const [first, second] = await Promise.all([submit(command), submit(command)]);
      expect(second).toEqual(first);
      expect(await submit(command)).toEqual(first);
      expect(await submit({ ...read(1, 2), id: command.id })).toMatchObject({ code: 'COMMAND_ID_REUSED' });
      expect((await history(bench.log)).events).toHaveLength(1);
    });

    it('takes what has no form, and goes on behind it', async () => {
      await employ();
      const shapeless: Command = JSON.parse(JSON.stringify({ ...read(1, 1), stream: undefined }));
      expect(await submit(shapeless)).toMatchObject({ code: 'FAILED' });
      expect(await submit(read(1, 1))).toMatchObject({ version: 1 });
    });

    it('refuses at once what is beyond its limits, and takes more when there is room', async () => {
      await bench.close();
      bench = await open({ capacity: 2 });
      const waiting = [submit(read(1, 1)), submit(read(2, 1))];
      await expect(submit(read(3, 1))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const elsewhere = bench.channel.submit(3, read(4, 1));
      await employ();
      expect(await Promise.all([...waiting, elsewhere])).toHaveLength(3);
      expect(await submit(read(3, 1))).toMatchObject({ status: 'accepted' });

      await dismiss();
      await bench.close();
      bench = await open({ room: 2_000 });
      const large = submit(read(5, 1));
      await expect(bench.channel.submit(HOME, read(6, 1), 1_900)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await employ();
      expect(await large).toMatchObject({ version: 1 });
    });

    it('goes on with the next worker where one has stopped, and does nothing twice', async () => {
      await employ();
      const commands = Array.from({ length: 20 }, (_, n) => read(1, n + 1));
      const first = await Promise.all(commands.map(submit));
      await dismiss();
      await employ();
      expect(await submit(read(1, 21))).toMatchObject({ version: 21 });
      expect(await Promise.all(commands.map(submit))).toEqual(first);
      expect((await history(bench.log)).outcomes).toHaveLength(21);
    });

    it('has no other partitions than its own', async () => {
      await expect(bench.channel.submit(4, read(1, 1))).rejects.toThrow(RangeError);
    });
  });
}
