import { join } from 'node:path';
import type { Command } from '../../commands/command.js';
import type { DomainCommand } from '../../domain/catalogue.js';
import { ASSISTANT } from '../../domain/decider.js';
import type { Stream, Uuid } from '../../domain/ids.js';
import { type Figure, median, scaled } from './figure.js';
import {
  type WriteSide,
  commandOf,
  newId,
  openLog,
  openWriteSide,
  partsOf,
  startedConversation,
  withFolder,
} from './writeside.js';

const ROUNDS = 30;
const LARGE = 100_000;
const SMALL = 50;
/** A message, the request for its reply, the reply's start and its end. */
const EVENTS_PER_TURN = 4;

/** A conversation, and the reply that its next message answers. */
type Conversation = { readonly actor: Uuid; readonly stream: Stream; head: Uuid };

/**
 * How long the first command on a conversation takes that nobody has at hand: a new worker fetches what it needs of the
 * snapshot, decides a new message at its end and syncs it. A conversation of 100,000 events against one of 50, each with a new
 * worker every time, in interleaved rounds. The goal is that nobody feels how long a conversation is: at most half as long again.
 */
export const coldLoad = (scale: number): Promise<readonly Figure[]> =>
  withFolder(async (folder) => {
    const log = openLog(join(folder, 'log.db'));
    const open = (): Promise<WriteSide> => openWriteSide(folder, log);
    const events = Math.max(SMALL, scaled(LARGE, scale));
    const side = await open();
    const [large, small] = [await converse(side, 0, events), await converse(side, 1, SMALL)];
    await side.close();

    /** How long the first message takes, in ms. Another stream has made the new worker's code warm. */
    const first = async (conversation: Conversation): Promise<number> => {
      const cold = await open();
      await cold.hand(startedConversation(2));
      const commands = turn(conversation);
      const begun = performance.now();
      await cold.hand(commands[0]);
      const took = performance.now() - begun;
      for (const command of commands.slice(1)) await cold.hand(command);
      await cold.close();
      return took;
    };
    const [longs, shorts]: [number[], number[]] = [[], []];
    for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
      const [long, short] = [await first(large), await first(small)];
      // The first is a warm-up.
      if (n === 0) continue;
      longs.push(long);
      shorts.push(short);
    }
    await log.close();
    return [
      { metric: 'events of the large conversation', value: events, unit: '' },
      { metric: 'first command on the large one: p50', value: median(longs), unit: 'ms' },
      { metric: 'first command on the small one: p50', value: median(shorts), unit: 'ms' },
      {
        metric: 'the large one, against the small one',
        value: median(longs) / median(shorts),
        unit: '×',
        goal: 1.5,
        better: 'lower',
      },
    ];
  });

/** A person and the assistant talk until there are so many events. */
export async function converse(side: WriteSide, who: number, events: number): Promise<Conversation> {
  const started = startedConversation(who);
  if (started.type !== 'StartConversation') throw new Error('a conversation begins with its start');
  const { actor, stream, data } = started;
  const conversation: Conversation = { actor, stream, head: data.reply };
  const commands = [started, ...reply(conversation)];
  for (let n = 0; n < events / EVENTS_PER_TURN - 1; n++) commands.push(...turn(conversation));
  for (let at = 0; at < commands.length; at += 1_000) {
    await Promise.all(commands.slice(at, at + 1_000).map((command) => side.hand(command)));
  }
  return conversation;
}

/** A message at the end of a conversation, and its reply. */
function turn(conversation: Conversation): readonly [Command<DomainCommand>, ...Command<DomainCommand>[]] {
  const { actor, stream, head: parent } = conversation;
  const [message, head] = [newId(actor), newId(actor)];
  conversation.head = head;
  const data = { message, reply: head, parts: partsOf(actor, message), parent, fork: false };
  return [commandOf(actor, stream, { type: 'PostMessage', data }), ...reply(conversation)];
}

/** The assistant's reply at the head of a conversation. */
function reply({ actor, stream, head }: Conversation): readonly Command<DomainCommand>[] {
  const claimed = { reply: head, attempt: 1, executor: head, endpoint: 'bench', model: 'bench' };
  const times = { latencyMs: 100, firstTokenMs: 10, tokens: 50 };
  const completed = { reply: head, attempt: 1, parts: partsOf(actor, head), ...times, finish: 'stop' } as const;
  return [
    commandOf(ASSISTANT, stream, { type: 'ClaimReply', data: claimed }),
    commandOf(ASSISTANT, stream, { type: 'CompleteReply', data: completed }),
  ];
}
