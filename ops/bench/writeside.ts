import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryChannel } from '../../commands/channel/memory.js';
import { type Draft, createClient } from '../../commands/client/client.js';
import type { Answer, Command } from '../../commands/command.js';
import { cacheKeys } from '../../commands/keys/cache.js';
import { openKeys } from '../../commands/keys/sqlite.js';
import type { Log } from '../../commands/log/log.js';
import { openSqliteLog } from '../../commands/log/sqlite.js';
import { openSnapshots } from '../../commands/snapshots/sqlite.js';
import { startWorker } from '../../commands/worker/worker.js';
import { type DomainCommand, STATE } from '../../domain/catalogue.js';
import { type Part, type Sealed, contentOf, personKey } from '../../domain/content.js';
import {
  type Stream,
  type Uuid,
  bucketOf,
  derivedId,
  homeOf,
  parseStream,
  randomUuid,
  streamOf,
  timedId,
} from '../../domain/ids.js';
import { PARTITIONS } from '../run/folder.js';
import { pooledRandom } from '../run/random.js';
import { wait } from '../run/wait.js';

/** In which the ids of people are made. */
export const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

/** How many people there are. */
export const PEOPLE = 50;

const random = pooledRandom();

/** Does some work with a folder of its own, which is gone afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const openLog = (file: string): Log =>
  openSqliteLog({ file, partitions: PARTITIONS, newId: () => randomUuid(random(16)) });

/** The whole write side over a log: a client that seals, and an owner of every partition. Its own files are in `folder`. */
export async function openWriteSide(folder: string, log: Log) {
  const { partitions } = log;
  // Behind their cache, as the product has them.
  const keys = cacheKeys({ keys: openKeys({ file: join(folder, 'keys.db'), random }), now: Date.now });
  const snapshots = openSnapshots({ file: join(folder, 'snapshots.db'), state: STATE });
  const channel = memoryChannel({ partitions });
  const client = createClient({ channel, keys, partitions, now: Date.now, random, wait });
  const onFailure = (error: unknown): never => {
    throw error;
  };
  const worker = startWorker({ log, snapshots, source: channel, now: Date.now, random, wait, onFailure });
  await worker.ready;
  return {
    client,
    keys,
    outcome: worker.outcome,
    /** Hands a sealed command to its owner. Throws where it is not accepted. */
    hand: async (command: Command): Promise<Answer> =>
      accepted(await channel.submit(homeOf(command.stream, partitions), command, command.hash.length)),
    close: async () => {
      await worker.stop();
      await Promise.all([keys.close(), snapshots.close()]);
    },
  };
}

export type WriteSide = Awaited<ReturnType<typeof openWriteSide>>;

/** The answer, if it says that the command was accepted. */
export function accepted<T extends { readonly status: string }>(answer: T): Extract<T, { status: 'accepted' }> {
  if (!isAccepted(answer)) throw new Error(`a command was answered ${JSON.stringify(answer)}`);
  return answer;
}

const isAccepted = <T extends { readonly status: string }>(answer: T): answer is Extract<T, { status: 'accepted' }> =>
  answer.status === 'accepted';

/** One of 50 people, by the name that their token bears. */
export const subjectOf = (n: number): string => `person ${n % PEOPLE}`;
export const person = (n: number): Uuid => derivedId(NAMESPACE, subjectOf(n));

/** A new id at a person's home. */
export const newId = (home: Uuid): Uuid => timedId(Date.now(), random(16), bucketOf(home));

export const TEXT = 'Twenty characters.. '.repeat(10);
const TITLE = 'A title';

/** One of 50 people starts a conversation with 200 characters: sealing, rules, events and their hash chain. */
export function startConversation(n: number): Draft {
  const actor = person(n);
  const [conversation, message] = [newId(actor), newId(actor)];
  return {
    id: newId(actor),
    actor,
    stream: streamOf('conversation', conversation),
    key: personKey(actor),
    type: 'StartConversation',
    data: {
      message,
      reply: newId(actor),
      parts: [{ type: 'text', text: { plain: TEXT, content: contentOf.part(message, 0) }, chars: TEXT.length }],
      title: { plain: TITLE, content: contentOf.title(conversation) },
      chars: TITLE.length,
      expires: null,
    },
  };
}

/** The same as its owner gets it. A worker opens no box, so any of the right size will do. */
export function startedConversation(n: number): Command<DomainCommand> {
  const actor = person(n);
  const [conversation, message] = [newId(actor), newId(actor)];
  return commandOf(actor, streamOf('conversation', conversation), {
    type: 'StartConversation',
    data: {
      message,
      reply: newId(actor),
      parts: partsOf(actor, message),
      title: boxed(actor, contentOf.title(conversation), TITLE),
      chars: TITLE.length,
      expires: null,
    },
  });
}

/** The parts of a message or a reply with 200 characters. */
export const partsOf = (owner: Uuid, message: Uuid): readonly Part[] => [
  { type: 'text', text: boxed(owner, contentOf.part(message, 0), TEXT), chars: TEXT.length },
];

const boxed = (owner: Uuid, content: string, text: string): Sealed => ({
  key: personKey(owner),
  content,
  box: Buffer.concat([random(12), Buffer.alloc(text.length + 16)]).toString('base64'),
});

/** A command with all that an owner asks for. */
export function commandOf(actor: string, stream: Stream, command: DomainCommand): Command<DomainCommand> {
  const id = newId(parseStream(stream).id);
  const deadline = new Date(Date.now() + 3600_000).toISOString();
  return { ...command, id, actor, stream, hash: 'h'.repeat(43), deadline, correlation: id };
}
