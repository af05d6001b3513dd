import { STATE } from '../../domain/catalogue.js';
import { memorySnapshots } from '../snapshots/memory.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type Recorded, decode } from '../../domain/catalogue.js';
import { type Part, contentOf, personKey } from '../../domain/content.js';
import { type Uuid, parseStream, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import { memoryChannel } from '../channel.js';
import { type CommandClient, type Draft, createClient } from '../client/client.js';
import { createOpener } from '../keys/opener.js';
import type { Keys } from '../keys/keys.js';
import { openKeys } from '../keys/sqlite.js';
import type { Log } from '../log/log.js';
import { PARTITIONS, T0, ada, nextId, openLog, random, waitTurns } from '../worker/testing.js';
import { startWorker } from '../worker/worker.js';
import { type Assistant, type AssistantOptions, startAssistant } from './assistant.js';
import type { Obligations, ReplyObligation, Responder } from './reactor.js';

type Change = ReplyObligation | { readonly ended: Uuid };

/** Obligations folded from the log in memory, and everything that the log tells, as it comes. */
function follow(log: Log, signal: AbortSignal) {
  const open = new Map<Uuid, ReplyObligation>();
  const listeners = new Set<(change: Change) => void>();
  const events: Recorded[] = [];
  const waiting = new Set<() => void>();

  const apply = (event: Recorded, partition: number, offset: number): Change | undefined => {
    if (!('reply' in event.data) || event.type === 'MessagePosted') return undefined;
    const { reply } = event.data;
    const owed = open.get(reply);
    const change = (changed: Partial<ReplyObligation>): Change | undefined => owed && { ...owed, ...changed };
    switch (event.type) {
      case 'ReplyRequested': {
        const { parent, by } = event.data;
        const conversation = parseStream(event.stream).id;
        const begun = { attempt: 0, executor: null, stopping: false, position: { partition, offset: offset + 1 } };
        return { reply, conversation, parent, by, ...begun };
      }
      case 'ReplyStarted':
        return change({ attempt: event.data.attempt, executor: event.data.executor });
      case 'ReplyStopRequested':
        return change({ stopping: true });
      default:
        return { ended: reply };
    }
  };

  const run = async (partition: number): Promise<void> => {
    for await (const { records } of log.read(partition, undefined, { follow: true, signal })) {
      for (const { offset, entry } of records) {
        if (entry.kind !== 'event') continue;
        const event = decode(entry.event);
        events.push(event);
        const change = apply(event, partition, offset);
        if (change && 'ended' in change) open.delete(change.ended);
        else if (change) open.set(change.reply, change);
        if (change) for (const listener of listeners) listener(change);
      }
      for (const wake of waiting) wake();
    }
  };
  const running = Promise.all(Array.from({ length: log.partitions }, (_, partition) => run(partition)));

  const obligations: Obligations = {
    watch: async (listener) => {
      listeners.add(listener);
      for (const owed of open.values()) listener(owed);
      return () => listeners.delete(listener);
    },
  };

  /** Resolves when so many events of a type were seen, of one reply or of any. */
  const seen = async (type: Recorded['type'], reply?: Uuid, times = 1): Promise<readonly Recorded[]> => {
    for (;;) {
      const found = events.filter(
        (event) =>
          event.type === type && (reply === undefined || ('reply' in event.data && event.data.reply === reply)),
      );
      if (found.length >= times) return found;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  };
  return { obligations, events, seen, running };
}

/** A responder whose answers are written by the test: each call of `respond` waits for what is said and how it ends. */
export function scripted() {
  type Call = { say(piece: string): void; end(): void; fail(error: Error): void; readonly signal: AbortSignal };
  const calls: Call[] = [];
  const waiting = new Set<() => void>();
  const responder: Responder = {
    endpoint: 'scripted',
    model: 'test',
    async *respond(_, signal) {
      const said: (string | Error | undefined)[] = [];
      let wake = (): void => undefined;
      const put = (what: string | Error | undefined): void => {
        said.push(what);
        wake();
      };
      calls.push({ say: put, end: () => put(undefined), fail: put, signal });
      for (const each of waiting) each();
      for (;;) {
        while (said.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const what = said.shift();
        if (what === undefined) return;
        if (typeof what !== 'string') throw what;
        yield what;
      }
    },
  };
  /** The n-th call, as soon as it comes. */
  const call = async (n: number): Promise<Call> => {
    for (;;) {
      const found = calls[n];
      if (found) return found;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  };
  return { responder, call, calls };
}

/** What screens would show: every delta must join on, and be well-formed by itself. */
export function screens() {
  const shown = new Map<Uuid, { attempt: number; text: string; deltas: number }>();
  const ended: Uuid[] = [];
  const faults: string[] = [];
  const live: AssistantOptions['live'] = {
    writeReply: ({ reply, attempt, offset, text }) => {
      const before = shown.get(reply);
      const now = before && before.attempt === attempt ? before : { attempt, text: '', deltas: 0 };
      if (before && attempt < before.attempt) faults.push(`attempt ${attempt} after ${before.attempt}`);
      if (offset !== now.text.length) faults.push(`offset ${offset} after ${now.text.length}`);
      if (!text.isWellFormed()) faults.push('half a surrogate pair');
      if (ended.includes(reply)) faults.push('text after the end');
      shown.set(reply, { attempt, text: now.text + text, deltas: now.deltas + 1 });
    },
    endReply: (reply) => {
      ended.push(reply);
    },
  };
  return { live, shown, ended, faults };
}

export type Bench = Awaited<ReturnType<typeof openBench>>;

/** A whole write side in memory, with one person and what the assistant needs of it. */
export async function openBench() {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-assistant-'));
  const keys: Keys = openKeys({ file: join(folder, 'keys.db'), random });
  const log = openLog();
  const channel = memoryChannel({ partitions: PARTITIONS });
  const closing = new AbortController();
  const failures: unknown[] = [];
  const never = (): Promise<never> => new Promise(() => undefined);
  const now = (): number => T0;
  const onFailure = (error: unknown): void => {
    failures.push(error);
  };
  const worker = startWorker({
    log,
    snapshots: memorySnapshots(STATE),
    source: channel,
    now,
    random,
    wait: waitTurns,
    onFailure,
  });
  const client: CommandClient = createClient({ channel, keys, partitions: PARTITIONS, now, random, wait: never });
  await worker.ready;
  const { obligations, events, seen, running } = follow(log, closing.signal);
  const opener = createOpener({ keys });
  const screen = screens();
  let made = 0;

  /** Short waits take a turn; long ones end with the signal, or when the test says so. */
  const long = new Set<() => void>();
  const wait = async (ms: number, signal?: AbortSignal): Promise<void> => {
    if (ms < 1_000) return turn();
    if (signal?.aborted) return;
    await new Promise<void>((resolve) => {
      long.add(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  };

  const assistants: Assistant[] = [];
  const start = async (
    responder: Responder,
    executor = 1,
    more: Partial<AssistantOptions> = {},
  ): Promise<Assistant> => {
    const assistant = await startAssistant({ ...defaults(responder, executor), ...more });
    assistants.push(assistant);
    return assistant;
  };
  const defaults = (responder: Responder, executor: number): AssistantOptions => ({
    obligations,
    branch: async () => [{ role: 'user', text: 'Say something.' }],
    client,
    live: screen.live,
    responder,
    executor: clientId(900 + executor),
    now,
    wait,
    onFailure,
  });

  const by = (conversation: Uuid) => ({
    id: nextId(),
    actor: ada,
    key: personKey(ada),
    stream: streamOf('conversation', conversation),
  });
  const send = async (draft: Draft): Promise<void> => {
    const sent = await client.send(draft);
    if (sent.status !== 'accepted') throw new Error(JSON.stringify(sent));
  };

  return {
    client,
    keys,
    events,
    seen,
    failures,
    obligations,
    screen,
    /** Starts an assistant in a process of its own, named by a number. */
    start,
    ended: (reply: Uuid): boolean => screen.ended.includes(reply),
    shown: (reply: Uuid): string | undefined => screen.shown.get(reply)?.text,
    /** Ends all long waits. */
    passTime: (): void => {
      for (const resolve of long) resolve();
    },
    /** Starts a conversation; resolves with it and its reply once that is owed. */
    ask: async (): Promise<{ conversation: Uuid; reply: Uuid }> => {
      const [conversation, message, reply] = [0, 1, 2].map((n) => clientId(5_000 + 3 * made + n, 0x500));
      made++;
      if (!conversation || !message || !reply) throw new Error('no ids');
      const text = { plain: 'Say something.', content: contentOf.part(message, 0) };
      const title = { plain: 'Say', content: contentOf.title(conversation) };
      const parts = [{ type: 'text' as const, text, chars: 14 }];
      const data = { message, reply, parts, title, chars: 3, expires: null };
      await send({ ...by(conversation), type: 'StartConversation', data });
      await seen('ReplyRequested', reply);
      return { conversation, reply };
    },
    stopReply: ({ conversation, reply }: { conversation: Uuid; reply: Uuid }): Promise<void> =>
      send({ ...by(conversation), type: 'StopReply', data: { reply } }),
    /** The story of a reply, in a word for each event. */
    story: (reply: Uuid): readonly string[] =>
      events.flatMap(({ type, data }) => {
        if (!('reply' in data) || data.reply !== reply || type === 'ReplyRequested') return [];
        return ['attempt' in data ? `${type} ${data.attempt}` : type];
      }),
    /** The text with which a reply ended, opened. */
    textOf: async (reply: Uuid): Promise<string | null> => {
      const parts = events.flatMap(({ data }): readonly Part[] =>
        'reply' in data && data.reply === reply && 'parts' in data ? data.parts : [],
      );
      const items = parts.map(({ text }, index) => ({ sealed: text, content: contentOf.part(reply, index) }));
      return (await opener.open(items)).join('');
    },
    /** Ends everything. Throws if the screens were shown what they must not be shown. */
    close: async (): Promise<void> => {
      await Promise.all(assistants.map(({ stop }) => stop()));
      await worker.stop();
      closing.abort();
      await running;
      await log.close();
      await keys.close();
      rmSync(folder, { recursive: true, force: true });
      if (screen.faults.length > 0) throw new Error(screen.faults.join(', '));
    },
  };
}
