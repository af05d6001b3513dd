import { decode } from '../../../domain/catalogue.js';
import { type Uuid, parseStream, randomUuid } from '../../../domain/ids.js';
import type { CommandClient } from '../../../commands/client/client.js';
import type { Cursor, Entry, Log } from '../../../commands/log/log.js';
import { startAssistant } from '../../../commands/reactors/assistant.js';
import type { Obligations, ReplyObligation, Responder } from '../../../commands/reactors/reactor.js';
import type { Process } from './process.js';
import type { Scene } from './scene.js';

type Change = ReplyObligation | { readonly ended: Uuid };

/**
 * The view of obligations that an assistant's process keeps: folded in memory from the first record, and told from the
 * caught-up end on. It is lost with the process.
 */
export async function followObligations(process: Process, log: Log): Promise<Obligations> {
  const open = new Map<Uuid, ReplyObligation>();
  const listeners = new Set<(change: Change) => void>();

  const changeOf = (entry: Entry, partition: number, offset: number): Change | undefined => {
    if (entry.kind !== 'event') return undefined;
    const event = decode(entry.event);
    switch (event.type) {
      case 'ReplyRequested': {
        const { reply, parent, by } = event.data;
        const conversation = parseStream(event.stream).id;
        const begun = { attempt: 0, executor: null, stopping: false, position: { partition, offset: offset + 1 } };
        return { reply, conversation, parent, by, ...begun };
      }
      case 'ReplyStarted':
      case 'ReplyStopRequested': {
        const owed = open.get(event.data.reply);
        if (!owed) return undefined;
        if (event.type === 'ReplyStopRequested') return { ...owed, stopping: true };
        return { ...owed, attempt: event.data.attempt, executor: event.data.executor };
      }
      case 'ReplyCompleted':
      case 'ReplyFailed':
      case 'ReplyStopped':
        return { ended: event.data.reply };
      default:
        return undefined;
    }
  };
  const apply = (entry: Entry, partition: number, offset: number): void => {
    const change = changeOf(entry, partition, offset);
    if (!change) return;
    if ('ended' in change) open.delete(change.ended);
    else open.set(change.reply, change);
    for (const listener of listeners) listener(change);
  };

  const follow = async (partition: number): Promise<void> => {
    let at: Cursor | undefined;
    const fold = async (follows: boolean): Promise<void> => {
      for await (const { records, next } of log.read(partition, at, { follow: follows })) {
        for (const { offset, entry } of records) apply(entry, partition, offset);
        at = next;
      }
    };
    for (;;) {
      try {
        await fold(false);
        break;
      } catch {
        await process.wait(100);
      }
    }
    void fold(true);
  };
  await Promise.all(Array.from({ length: log.partitions }, (_, partition) => follow(partition)));
  return {
    watch: async (listener) => {
      for (const owed of open.values()) listener(owed);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Says a few words, at its own pace; now and then it fails or falls silent for a while. */
function responder(process: Process, scene: Scene): Responder {
  const { dice } = scene;
  return {
    endpoint: 'simulated',
    model: 'dice',
    async *respond(_, signal) {
      const words = dice.int(0, 4);
      const fails = dice.chance(0.05);
      for (let n = 0; n < words; n++) {
        await process.wait(dice.int(5, dice.pick([50, 500, 6_000])), signal);
        if (signal.aborted) return;
        yield `word ${n} `;
      }
      if (fails) throw new Error('the model is gone');
    },
  };
}

/** An assistant in a process of its own. What it tells of failures is part of its work. */
export async function answerReplies(process: Process, log: Log, client: CommandClient, scene: Scene): Promise<void> {
  const { dice, tell } = scene;
  const obligations = await followObligations(process, log);
  await startAssistant({
    obligations,
    branch: async () => {
      await process.wait(dice.int(1, 20));
      return [{ role: 'user', text: 'Say something.' }];
    },
    client,
    live: { writeReply: () => undefined, endReply: () => undefined },
    responder: responder(process, scene),
    executor: randomUuid(dice.bytes(16)),
    now: process.now,
    wait: process.wait,
    onFailure: (error) => tell(process.name, `says ${String(error)}`),
    atOnce: dice.pick([2, 100]),
  });
}
