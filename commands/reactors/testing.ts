import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type Recorded, STATE } from '../../domain/catalogue.js';
import { type Part, contentOf, conversationKey, personKey } from '../../domain/content.js';
import { type Uuid, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import { memoryChannel } from '../channel/memory.js';
import { type CommandClient, type Draft, createClient } from '../client/client.js';
import type { Keys } from '../keys/keys.js';
import { createOpener } from '../keys/opener.js';
import { openKeys } from '../keys/sqlite.js';
import { memorySnapshots } from '../snapshots/memory.js';
import { PARTITIONS, T0, ada, nextId, openLog, random, waitTurns } from '../worker/testing.js';
import { startWorker } from '../worker/worker.js';
import { type AssistantOptions, assistant } from './assistant.js';
import { type DestroyKey, erasure } from './erasure.js';
import { type Executor, type Keepers, startExecutor } from './executor.js';
import type { Wait } from '../wait.js';
import { expiry } from './expiry.js';
import { insisting } from './insist.js';
import { joins } from './joins.js';
import { quick } from './models/testing.js';
import type { Obligation, Obligations, ReadBranch, ReadRelations, Responder, Titler } from './reactor.js';
import { titles } from './titles.js';
import { type View, openView } from './view/testing.js';

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

/** What a process may have of its own. */
export type Process = {
  /** Which kinds of obligations it keeps: replies alone, unless others are named. */
  readonly kinds: readonly Obligation['kind'][];
  readonly obligations: Obligations;
  readonly relations: ReadRelations;
  readonly client: CommandClient;
  readonly destroyKey: DestroyKey;
  readonly wait: Wait;
  readonly branch: ReadBranch;
  readonly titler: Titler;
  /** How many replies run at once. */
  readonly atOnce: number;
  /** Whether another process lives, for all that is known. */
  readonly lives: (executor: Uuid) => Promise<boolean>;
};

export type Bench = Awaited<ReturnType<typeof openBench>>;

/** A whole write side in memory, with one person and what the reactors need of it. */
export async function openBench() {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-reactors-'));
  const keys: Keys = openKeys({ file: join(folder, 'keys.db'), random });
  const log = openLog();
  const channel = memoryChannel({ partitions: PARTITIONS });
  const failures: unknown[] = [];
  const clock = { now: T0 };
  const never = (): Promise<never> => new Promise(() => undefined);
  const now = (): number => clock.now;
  const onFailure = (error: unknown): void => {
    failures.push(error);
  };
  const snapshots = memorySnapshots(STATE);
  const worker = startWorker({ log, snapshots, source: channel, now, random, wait: waitTurns, onFailure });
  const client: CommandClient = createClient({ channel, keys, partitions: PARTITIONS, now, random, wait: never });
  await worker.ready;
  const opener = createOpener({ keys });
  const screen = screens();
  const views: View[] = [];
  const view = (...from: Parameters<typeof openView> extends [unknown, ...infer Rest] ? Rest : never): View => {
    const opened = openView(log, ...from);
    views.push(opened);
    return opened;
  };
  const { obligations, relations, events, seen } = view();

  /** Short waits take a turn; long ones end with the signal, or when the test says so. */
  const long = new Map<() => void, number>();
  const wait: Wait = async (ms, signal) => {
    if (ms < 1_000) {
      await turn();
      return;
    }
    if (signal?.aborted) return;
    await new Promise<void>((resolve) => {
      long.set(resolve, ms);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  };
  const defaults: Process = {
    kinds: ['reply'],
    obligations,
    relations,
    client,
    destroyKey: keys.destroy,
    wait,
    branch: async () => [{ role: 'user', text: 'Say something.' }],
    titler: quick().titler,
    atOnce: 100,
    lives: async (executor) => alive.has(executor),
  };
  const alive = new Set<Uuid>();
  const executorOf = (name: number): Uuid => clientId(900 + name);

  const executors: Executor[] = [];
  const start = async (responder: Responder, name = 1, more: Partial<Process> = {}): Promise<Executor> => {
    const process = {
      ...defaults,
      ...more,
      live: screen.live,
      responder,
      executor: executorOf(name),
      now,
      onFailure,
    };
    const common = { ...process, insist: insisting(process.client, process.wait, onFailure) };
    const all: Keepers = {
      reply: assistant(common),
      title: titles(common),
      membership: joins(common),
      expiry: expiry(common),
      erasure: erasure(common),
    };
    const keepers = Object.fromEntries(process.kinds.map((kind) => [kind, all[kind]]));
    alive.add(process.executor);
    const executor = await startExecutor({ ...process, keepers });
    executors.push(executor);
    const stop = async (): Promise<void> => {
      await executor.stop();
      alive.delete(process.executor);
    };
    return { stop };
  };

  let made = 0;
  const newIds = (bucket = 0x500): [Uuid, Uuid, Uuid] => {
    const first = 5_000 + 3 * made++;
    return [clientId(first, bucket), clientId(first + 1, bucket), clientId(first + 2, bucket)];
  };
  const send = async (draft: Draft): Promise<void> => {
    const sent = await client.send(draft);
    if (sent.status !== 'accepted') throw new Error(JSON.stringify(sent));
  };

  return {
    client,
    keys,
    clock,
    view,
    seen: (type: Recorded['type'], reply?: Uuid, times = 1): Promise<readonly Recorded[]> =>
      seen(
        (event) =>
          event.type === type && (reply === undefined || ('reply' in event.data && event.data.reply === reply)),
        times,
      ),
    events,
    failures,
    obligations,
    relations,
    destroyKey: keys.destroy,
    wait,
    screen,
    /** Starts the reactors of a process, named by a number. */
    start,
    /** Has the others take a process for dead, whatever it does. */
    bury: (name: number): void => {
      alive.delete(executorOf(name));
    },
    send,
    open: opener.open,
    ended: (reply: Uuid): boolean => screen.ended.includes(reply),
    shown: (reply: Uuid): string | undefined => screen.shown.get(reply)?.text,
    /** Ends all long waits, or those of at most so many ms. */
    passTime: (most = Infinity): void => {
      for (const [resolve, ms] of long) {
        if (ms > most) continue;
        long.delete(resolve);
        resolve();
      }
    },
    /** Resolves when whatever was under way has had the time to happen. */
    quiet: async (): Promise<void> => {
      for (let n = 0; n < 50; n++) await turn();
    },
    /** Starts a conversation; resolves with it and its reply once that is owed. */
    ask: async (expires: string | null = null, person = ada): Promise<{ conversation: Uuid; reply: Uuid }> => {
      const [conversation, message, reply] = newIds(parseInt(person.slice(-3), 16));
      const text = { plain: 'Say something.', content: contentOf.part(message, 0) };
      const title = { plain: 'Say', content: contentOf.title(conversation) };
      const parts = [{ type: 'text' as const, text, chars: 14 }];
      const data = { message, reply, parts, title, chars: 3, expires };
      const key = expires === null ? personKey(person) : conversationKey(conversation);
      const stream = streamOf('conversation', conversation);
      await send({ id: nextId(person), actor: person, key, stream, type: 'StartConversation', data });
      await seen((event) => event.type === 'ReplyRequested' && event.data.reply === reply);
      return { conversation, reply };
    },
    stopReply: ({ conversation, reply }: { conversation: Uuid; reply: Uuid }): Promise<void> =>
      send({
        id: nextId(conversation),
        actor: ada,
        stream: streamOf('conversation', conversation),
        type: 'StopReply',
        data: { reply },
      }),
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
      await Promise.all(executors.map(({ stop }) => stop()));
      await worker.stop();
      await Promise.all(views.map((each) => each.close()));
      await log.close();
      await keys.close();
      rmSync(folder, { recursive: true, force: true });
      if (screen.faults.length > 0) throw new Error(screen.faults.join(', '));
    },
  };
}
