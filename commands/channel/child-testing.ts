import { employ } from './worker-testing.js';

// A worker as a process of its own, to be killed and stopped: `child-testing.ts <brokers> <prefix>`. What it publishes goes
// to its parent. Before it appends what decides a command with the correlation STOP it stops itself, once.

/** The correlation of a command at which it stops. */
export const STOP = '01980000-0000-7000-8000-0000000005bb';

const [brokers, prefix] = process.argv.slice(2);
if (brokers !== undefined && prefix !== undefined) await live(brokers, prefix);

async function live(at: string, name: string): Promise<void> {
  const tell = (what: object): void => void process.send?.(what);
  let stopped = false;
  const worker = await employ({
    brokers: at,
    prefix: name,
    answers: { publish: (topic, notice) => tell({ topic, notice }), attach: async () => () => undefined },
    onFailure: (error) => tell({ failed: String(error) }),
    through: (log) => ({
      ...log,
      append: async (partition, batch) => {
        const stops = !stopped && batch.some((entry) => entry.kind === 'event' && entry.event.correlation === STOP);
        if (!stops) return log.append(partition, batch);
        stopped = true;
        tell({ stops: true });
        // The message has to leave before.
        await new Promise((resolve) => setTimeout(resolve, 200));
        process.kill(process.pid, 'SIGSTOP');
        const offset = await log.append(partition, batch);
        tell({ wrote: offset });
        return offset;
      },
    }),
  });
  await worker.ready;
  tell({ owned: worker.owned() });
}
