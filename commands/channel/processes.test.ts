import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import type { Answer, Command } from '../command.js';
import { HOME, entries, history, markRead } from '../worker/testing.js';
import { STOP } from './child-testing.js';
import { inTime } from './contract.js';
import { type KafkaBench, openKafkaBench } from './kafka-testing.js';

const read = (conversation: number, seq: number, more: { correlation?: string } = {}): Command =>
  markRead(conversation, seq, { ...inTime(40_000), ...more });

/** A worker in a process of its own, and what it has told. */
type Child = { readonly process: ChildProcess; readonly told: Record<string, unknown>[] };

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

describeWith('KAFKA_BROKERS', 'workers in processes of their own', (brokers) => {
  describe('one of them', { timeout: 90_000 }, () => {
    let bench: KafkaBench;
    const children: Child[] = [];
    const employ = (): Child => {
      const path = fileURLToPath(new URL('./child-testing.ts', import.meta.url));
      const child = fork(path, [brokers, bench.prefix], { execArgv: ['--import', 'tsx'] });
      const told: Record<string, unknown>[] = [];
      child.on('message', (message: unknown) => {
        if (!isRecord(message)) return;
        const { topic, notice } = message;
        if (typeof topic === 'string' && isRecord(notice)) bench.hub.publish(topic, notice);
        else told.push(message);
      });
      const made = { process: child, told };
      children.push(made);
      return made;
    };
    const heard = async ({ told }: Child, what: string): Promise<unknown> => {
      await expect.poll(() => told.some((each) => what in each), { timeout: 30_000 }).toBe(true);
      return told.find((each) => what in each)?.[what];
    };
    beforeEach(async () => {
      bench = await openKafkaBench(brokers);
    }, 30_000);
    afterEach(async () => {
      for (const { process: child } of children.splice(0)) child.kill('SIGKILL');
      await bench.close();
    }, 30_000);
    const submit = (command: Command): Promise<Answer> => bench.channel.submit(HOME, command);

    it('that is killed in the middle of its work is followed by another; every command is answered, once', async () => {
      const child = employ();
      await heard(child, 'owned');
      const worker = await bench.employ();
      let going = true;
      const answers: Promise<Answer>[] = [];
      const sending = (async () => {
        for (let seq = 1; going; seq++) {
          answers.push(submit(read(1, seq)));
          if (seq === 50) child.process.kill('SIGKILL');
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      })();
      await expect.poll(() => worker.owned(), { timeout: 30_000 }).toEqual([0, 1, 2, 3]);
      await expect.poll(() => answers.length, { timeout: 30_000 }).toBeGreaterThan(60);
      going = false;
      await sending;
      const versions = (await Promise.all(answers)).map((answer) => 'version' in answer && answer.version);
      expect(versions).toEqual(answers.map((_, n) => n + 1));
      expect((await history(bench.log)).events).toHaveLength(answers.length);
      await worker.stop();
    });

    it('that stands still for longer than its session, in mid-append, writes what nobody sees', async () => {
      const child = employ();
      await heard(child, 'owned');
      expect(await submit(read(1, 1))).toMatchObject({ version: 1 });
      const stopping = submit(read(1, 2, { correlation: STOP }));
      await heard(child, 'stops');
      const worker = await bench.employ();
      expect(await stopping).toMatchObject({ version: 2 });
      expect(worker.owned()).toContain(HOME);
      child.process.kill('SIGCONT');
      const wrote = await heard(child, 'wrote');
      const seen: number[] = [];
      for await (const { records } of bench.log.read(HOME)) seen.push(...records.map(({ offset }) => offset));
      expect(seen).not.toContain(wrote);
      expect(await bench.log.end(HOME)).toBeGreaterThan(Number(wrote));
      expect(await submit(read(1, 3))).toMatchObject({ version: 3 });
      expect((await history(bench.log)).events).toHaveLength(3);
      expect((await entries(bench.log)).filter(({ kind }) => kind === 'takeover').length).toBeGreaterThan(1);
      await worker.stop();
    });
  });
});
