import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { type Answer, type Command, type DeadLetter, deadLettersIn } from '../command.js';
import { HOME, ask, entries, history, markRead, ownerOf } from '../worker/testing.js';
import { channelContract, inTime } from './contract.js';
import { type KafkaBench, openKafkaBench } from './kafka-testing.js';
import { encodeCommand } from './wire.js';
import { employ as member } from './worker-testing.js';

const read = (conversation: number, seq: number): Command => markRead(conversation, seq, inTime());

describeWith('KAFKA_BROKERS', 'the channel on Kafka', (brokers) => {
  channelContract('Kafka', (limits) => openKafkaBench(brokers, limits));

  describe('a worker of the fleet', { timeout: 60_000 }, () => {
    let bench: KafkaBench;
    const stops: (() => Promise<void>)[] = [];
    const employ = async (...more: Parameters<KafkaBench['employ']>) => {
      const worker = await bench.employ(...more);
      stops.push(worker.stop);
      return worker;
    };
    const dismiss = async (): Promise<void> => {
      await Promise.all(stops.splice(0).map((stop) => stop()));
    };
    beforeEach(async () => {
      bench = await openKafkaBench(brokers);
    }, 30_000);
    afterEach(async () => {
      await dismiss();
      await bench.close();
    }, 30_000);
    const submit = (command: Command): Promise<Answer> => bench.channel.submit(HOME, command);
    const topic = (): string => `${bench.prefix}commands`;
    /** Where the commands of the home end. */
    const ended = async (): Promise<string | undefined> => {
      const offsets = await bench.kafka.administer((admin) => admin.fetchTopicOffsets(topic()));
      return offsets.find(({ partition }) => partition === HOME)?.high;
    };

    it('is answered for by a look-up where every answer is lost', async () => {
      bench.hub.deaf = true;
      await employ();
      const answers = await Promise.all([submit(read(1, 1)), submit(read(2, -1))]);
      expect(answers).toMatchObject([{ status: 'accepted', version: 1 }, { code: 'INVALID' }]);
      expect((await history(bench.log)).outcomes).toHaveLength(2);
    });

    it('shares the partitions with another, and takes them over where that one leaves, with no command lost', async () => {
      const first = await employ();
      expect(first.owned()).toEqual([0, 1, 2, 3]);
      let going = true;
      const answers: Promise<Answer>[] = [];
      const sending = (async () => {
        for (let seq = 1; going; seq++) {
          answers.push(submit(read(1, seq)));
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      })();
      const second = await bench.employ();
      await expect.poll(() => [first.owned().length, second.owned().length], { timeout: 10_000 }).toEqual([2, 2]);
      expect([...first.owned(), ...second.owned()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
      const before = second.owned();
      await second.stop();
      await expect.poll(() => first.owned(), { timeout: 10_000 }).toEqual([0, 1, 2, 3]);
      expect(before).toHaveLength(2);
      going = false;
      await sending;
      const versions = (await Promise.all(answers)).map((answer) => 'version' in answer && answer.version);
      expect(versions).toEqual(answers.map((_, n) => n + 1));
      expect((await history(bench.log)).events).toHaveLength(answers.length);
    });

    it('records what are no commands, answers nobody for them, and goes on behind them', async () => {
      const letters: DeadLetter[] = [];
      await employ();
      const raw = bench.kafka.client().producer({ retry: { retries: 0 } });
      await raw.connect();
      const values = [
        Buffer.from([0xff, 0xfe, 0x00]),
        Buffer.from('not JSON'),
        null,
        Buffer.from('{"sender":7,"command":5}'),
        Buffer.from('{"sender":"x","command":null}'),
      ];
      await raw.send({ topic: topic(), messages: values.map((value) => ({ partition: HOME, value })) });
      await raw.disconnect();
      expect(await submit(read(1, 1))).toMatchObject({ version: 1 });
      const note = async (): Promise<void> => {
        letters.length = 0;
        for (const entry of await entries(bench.log)) letters.push(...deadLettersIn(entry));
      };
      await note();
      expect(letters.map(({ letter }) => letter.data)).toEqual([{ base64: '//4A' }, 'not JSON', '', 5, null]);
      // Whoever comes next knows that they are dealt with, though they have no names.
      await dismiss();
      await employ({ group: 'others' });
      expect(await submit(read(1, 2))).toMatchObject({ version: 2 });
      await note();
      expect(letters).toHaveLength(5);
    });

    it('goes on behind what the log covers, whatever the offsets of its group say', async () => {
      await employ();
      const commands = Array.from({ length: 5 }, (_, n) => read(1, n + 1));
      const answers = await Promise.all(commands.map(submit));
      await dismiss();
      // They lead: nobody would see this one.
      bench.hub.deaf = true;
      const lost = submit(read(1, 6));
      await expect.poll(ended).toBe('6');
      await bench.kafka.administer((admin) =>
        admin.setOffsets({
          groupId: `${bench.prefix}workers`,
          topic: topic(),
          partitions: [{ partition: HOME, offset: '6' }],
        }),
      );
      bench.hub.deaf = false;
      await employ();
      expect(await submit(read(1, 7))).toMatchObject({ version: 7 });
      expect(await lost).toMatchObject({ version: 6 });
      await dismiss();
      // There are none: all comes again, and nothing is done again.
      await employ({ group: 'others' });
      expect(await submit(read(1, 8))).toMatchObject({ version: 8 });
      expect(await Promise.all(commands.map(submit))).toEqual(answers);
      expect((await history(bench.log)).outcomes).toHaveLength(8);
    });

    it('goes on at the start of the topic where what was due is gone', async () => {
      for (let n = 1; n <= 3; n++) bench.channel.submit(HOME, read(1, n)).catch(() => undefined);
      await expect.poll(ended).toBe('3');
      await bench.kafka.administer(async (admin) => {
        // Without this kafkajs does not know who leads the partition.
        await admin.fetchTopicOffsets(topic());
        await admin.deleteTopicRecords({ topic: topic(), partitions: [{ partition: HOME, offset: '2' }] });
      });
      await employ();
      expect(await submit(read(1, 9))).toMatchObject({ version: 2 });
      expect((await history(bench.log)).outcomes).toHaveLength(2);
    });

    it('goes over gaps in the offsets, as the transactions of somebody else leave them', async () => {
      await employ();
      const producer = bench.kafka
        .client({ requestTimeout: 20_000 })
        .producer({ transactionalId: bench.prefix, idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      const transact = async (...commands: readonly Command[]): Promise<void> => {
        const transaction = await producer.transaction();
        const messages = commands.map((command) => ({ partition: HOME, value: encodeCommand(command, 'nobody') }));
        await transaction.send({ topic: topic(), messages });
        await transaction.commit();
      };
      await transact(read(1, 1));
      await expect.poll(async () => (await history(bench.log)).outcomes.length).toBe(1);
      await transact(read(1, 2), read(1, 3));
      expect(await submit(read(1, 4))).toMatchObject({ version: 4 });
      // At its end too, where another one begins.
      await transact(read(1, 5));
      await producer.disconnect();
      await expect.poll(async () => (await history(bench.log)).outcomes.length).toBe(5);
      await dismiss();
      await employ();
      expect(await submit(read(1, 6))).toMatchObject({ version: 6 });
    });

    it('refuses to run where the log has decided more commands than there are', async () => {
      const owner = ownerOf(bench.log, { now: Date.now });
      await ask(owner, read(1, 1));
      await owner.process([{ command: read(1, 2), offset: 1_000, answer: () => undefined, refuse: () => undefined }]);
      const failures: unknown[] = [];
      await employ({ onFailure: (error) => failures.push(error) });
      submit(read(1, 3)).catch(() => undefined);
      await expect.poll(() => failures, { timeout: 20_000 }).toMatchObject([{ code: 'COMMANDS_LOST' }]);
      expect((await history(bench.log)).outcomes).toHaveLength(2);
    });

    it('ends its process where the group will not have it, and where it hears nothing any more', async () => {
      const failures: unknown[] = [];
      const onFailure = (error: unknown): void => void failures.push(error);
      const short = { session: 450, heartbeat: 100 };
      // It is ready only once it is in.
      const never = await member({ brokers, prefix: bench.prefix, answers: bench.hub, pace: short, onFailure });
      stops.push(never.stop);
      await expect.poll(() => failures, { timeout: 20_000 }).toMatchObject([{ type: 'INVALID_SESSION_TIMEOUT' }]);
      expect(never.owned()).toEqual([]);

      const cutOff = await employ({ pace: { silence: 1_000 }, onFailure });
      expect(cutOff.owned()).toHaveLength(4);
      await cutOff.kafka.close();
      await expect.poll(() => failures.slice(1), { timeout: 20_000 }).toMatchObject([{ code: 'KAFKA_UNREACHABLE' }]);
    });
  });
});
