import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryChannel } from '../../commands/channel/memory.js';
import { type CommandClient, type Draft, type Plain, createClient } from '../../commands/client/client.js';
import { type Command, type DeadLetter, deadLettersIn } from '../../commands/command.js';
import type { Key } from '../../commands/keys/keys.js';
import { cacheKeys } from '../../commands/keys/cache.js';
import { unseal } from '../../commands/keys/sealing.js';
import { openKeys } from '../../commands/keys/sqlite.js';
import { openSqliteLog } from '../../commands/log/sqlite.js';
import { openSnapshots } from '../../commands/snapshots/sqlite.js';
import { startWorker } from '../../commands/worker/worker.js';
import { STATE, contentTable } from '../../domain/catalogue.js';
import { type Sealed, contentOf, personKey } from '../../domain/content.js';
import { ASSISTANT } from '../../domain/decider.js';
import type { Envelope } from '../../domain/event.js';
import {
  type Uuid,
  bucketOf,
  membershipId,
  membershipStream,
  randomUuid,
  streamOf,
  timedId,
} from '../../domain/ids.js';
import { tracesBelow, tracesIn } from './traces.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const ada = randomUuid(random(16));
const key = personKey(ada);
const another = (): Uuid => timedId(Date.now(), random(16), bucketOf(ada));

/** Every sealed field there is, as `Type.field`. */
const sealedFields = Object.entries(contentTable).flatMap(([type, fields]) =>
  Object.entries(fields).flatMap(([field, how]) => (how === 'sealed' ? [`${type}.${field}`] : [])),
);

const markers = new Set<string>();
const marked = (content: string): Plain & { readonly chars: number } => {
  const plain = `marker${randomBytes(8).toString('hex')}`;
  markers.add(plain);
  return { plain, content, chars: plain.length };
};

const title = (conversation: Uuid) => {
  const { chars, ...text } = marked(contentOf.title(conversation));
  return { title: text, chars };
};
const parts = (message: Uuid) => {
  const { chars, ...text } = marked(contentOf.part(message, 0));
  return [{ type: 'text' as const, text, chars }];
};

type What = { [D in Draft as D['type']]: Pick<D, 'type' | 'data'> }[Draft['type']];

/**
 * Commands that bring a marker into every sealed field of the table, in an order in which all of them are accepted; and
 * the one after them that takes over a message with the boxes that it has by then.
 */
function everything() {
  const [conversation, copy] = [another(), another()];
  const [m1, r1, r2, r3, copied] = [another(), another(), another(), another(), another()];
  const by =
    (actor: string, stream: Draft['stream']) =>
    (what: What): Draft => ({ ...what, id: another(), actor, stream, key });
  const [user, talk] = [by(ada, streamOf('user', ada)), by(ada, streamOf('conversation', conversation))];
  const fork = by(ada, streamOf('conversation', copy));
  const assistant = by(ASSISTANT, streamOf('conversation', conversation));
  const relation = by(ada, membershipStream(conversation, ada));
  const claim = (reply: Uuid) =>
    assistant({ type: 'ClaimReply', data: { reply, attempt: 1, executor: another(), endpoint: 'e', model: 'm' } });
  const end = (reply: Uuid) => ({ reply, attempt: 1, parts: parts(reply), latencyMs: 1 });
  const { chars: nameChars, ...name } = marked(contentOf.name(ada));
  const { chars: newChars, ...renamed } = marked(contentOf.name(ada));
  const { chars: wishChars, ...instructions } = marked(contentOf.instructions(ada));
  const { chars: wordChars, ...comment } = marked(contentOf.feedback(r1, ada));
  const { chars: tagChars, ...tag } = marked(contentOf.tag(membershipId(conversation, ada), 0));
  const drafts = [
    user({ type: 'RegisterUser', data: { name, chars: nameChars } }),
    user({ type: 'ChangeProfile', data: { name: renamed, chars: newChars } }),
    user({
      type: 'ChangePreferences',
      data: { instructions, chars: wishChars, theme: 'system', language: null },
    }),
    talk({
      type: 'StartConversation',
      data: { message: m1, reply: r1, parts: parts(m1), ...title(conversation), expires: null },
    }),
    claim(r1),
    assistant({ type: 'CompleteReply', data: { ...end(r1), firstTokenMs: 1, tokens: 1, finish: 'stop' } }),
    talk({ type: 'RequestReply', data: { reply: r2, parent: m1 } }),
    claim(r2),
    assistant({ type: 'FailReply', data: { ...end(r2), code: 'NO_ANSWER' } }),
    talk({ type: 'RequestReply', data: { reply: r3, parent: m1 } }),
    claim(r3),
    talk({ type: 'StopReply', data: { reply: r3 } }),
    assistant({ type: 'EndStoppedReply', data: end(r3) }),
    talk({ type: 'GiveFeedback', data: { message: r1, value: 'up', comment, chars: wordChars } }),
    talk({ type: 'RenameConversation', data: title(conversation) }),
    relation({ type: 'TagConversation', data: { conversation, tags: [{ text: tag, chars: tagChars }] } }),
    fork({ type: 'ForkConversation', data: { ...title(copy), origin: { conversation, message: m1 } } }),
  ];
  const copying = (boxes: readonly Sealed[]): Draft => {
    const place = contentOf.part(m1, 0);
    const taken = boxes
      .filter(({ content }) => content === place)
      .map((text) => ({ type: 'text' as const, text, chars: 1 }));
    const messages = [{ message: copied, parent: null, author: ada, parts: taken, source: m1 }];
    return fork({ type: 'CopyMessages', data: { messages } });
  };
  return { drafts, copying };
}

/** The same, where none of it is accepted: what is long, misplaced, nowhere, or cannot be decided at all. */
function refusals(): readonly Draft[] {
  const [conversation, message] = [another(), another()];
  const draft = { id: another(), actor: ada, key, stream: streamOf('conversation', conversation) };
  const rename = { type: 'RenameConversation', data: title(conversation) } as const;
  const more = { parts: parts(message), message, reply: another() };
  return [
    { ...draft, ...rename },
    { ...draft, ...rename, id: another(), data: { ...rename.data, chars: rename.data.chars + 1 } },
    { ...draft, id: another(), type: 'PostMessage', data: { ...more, parent: null, fork: false } },
    { ...draft, ...rename, id: another(), stream: streamOf('user', ada) },
  ];
}

/** The boxes in some data. */
function boxesIn(value: unknown): readonly Sealed[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('box' in value && 'key' in value && 'content' in value) {
    return [{ box: String(value.box), key: String(value.key), content: String(value.content) }];
  }
  return Object.values(value).flatMap(boxesIn);
}

describe('no sealed field of the table leaves the client in the open', () => {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-sealed-'));
  const submitted: Command[] = [];
  const letters: DeadLetter[] = [];
  const said: string[] = [];
  /** Every text that was found by opening the boxes of a field, by field. */
  const found = new Map<string, Set<string>>();
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const note = ({ type, data }: Envelope, person: Key): void => {
    for (const [field, value] of Object.entries(data)) {
      const texts = boxesIn(value).map((box) => unseal(person, box, box.content));
      if (texts.length > 0) found.set(`${type}.${field}`, new Set(texts));
    }
  };

  const run = async (work: (client: CommandClient) => Promise<void>): Promise<void> => {
    const log = openSqliteLog({ file: join(folder, 'log.db'), partitions: 2, newId: another });
    const keys = cacheKeys({ keys: openKeys({ file: join(folder, 'keys.db'), random }), now: Date.now });
    const snapshots = openSnapshots({ file: join(folder, 'snapshots.db'), state: STATE });
    const source = memoryChannel({ partitions: 2 });
    const wait = (ms: number, signal?: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => undefined);
    const around = { log, snapshots, source, now: Date.now, random, wait };
    const onFailure = (error: unknown): void => void said.push(String(error));
    const worker = startWorker({
      ...around,
      onFailure,
      onDeadLetter: (command, error) => said.push(JSON.stringify(command), String(error)),
    });
    const submit: typeof source.submit = (partition, command, bytes) => {
      submitted.push(command);
      return source.submit(partition, command, bytes);
    };
    await worker.ready;
    await work(createClient({ channel: { submit }, keys, partitions: 2, now: Date.now, random, wait }));
    await worker.stop();
    const person = await keys.ensure(key);
    found.clear();
    letters.length = 0;
    for (const partition of [0, 1]) {
      for await (const { records } of log.read(partition)) {
        for (const { entry } of records) {
          letters.push(...deadLettersIn(entry));
          if (entry.kind === 'event') note(entry.event, person);
        }
      }
    }
    await Promise.all([log.close(), snapshots.close(), keys.close()]);
  };

  it('though all of it is accepted, or refused, and is again with snapshots', async () => {
    const statuses = async (client: CommandClient, drafts: readonly Draft[]): Promise<readonly string[]> => {
      const told: string[] = [];
      for (const draft of drafts) told.push(`${draft.type} ${(await client.send(draft)).status}`);
      return told;
    };
    const { drafts: all, copying } = everything();
    await run(async (client) => {
      expect(await statuses(client, all)).toEqual(all.map(({ type }) => `${type} accepted`));
      expect(await statuses(client, [copying(boxesIn(submitted))])).toEqual(['CopyMessages accepted']);
    });
    for (const drafts of [refusals(), refusals()]) {
      await run(async (client) => {
        expect(await statuses(client, drafts)).toEqual(drafts.map(({ type }) => `${type} rejected`));
      });
    }
  });

  it('and every one of them was written, with a marker that only its key brings back', () => {
    expect([...found.keys()].toSorted((a, b) => a.localeCompare(b))).toEqual(
      sealedFields.toSorted((a, b) => a.localeCompare(b)),
    );
    for (const [field, texts] of found) {
      expect([field, [...texts].filter((text) => !markers.has(text))]).toEqual([field, []]);
    }
  });

  it('not in the channel, the log, the dead letters, the snapshots, nor in what operators are told', () => {
    expect(submitted.length).toBeGreaterThan(sealedFields.length);
    expect(letters.length).toBeGreaterThan(0);
    expect(said.length).toBeGreaterThan(0);
    expect(tracesIn('the channel', Buffer.from(JSON.stringify(submitted)), markers)).toEqual([]);
    expect(tracesIn('the dead letters', Buffer.from(JSON.stringify(letters)), markers)).toEqual([]);
    expect(tracesIn('what operators are told', Buffer.from(said.join('\n')), markers)).toEqual([]);
    expect(tracesBelow(folder, markers)).toEqual([]);
    // The search does find what is there: the name of a field beside each box.
    expect(tracesBelow(folder, new Set(['instructions'])).join()).toContain('log.db');
  });
});
