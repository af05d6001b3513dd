import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sealed, contentOf, personKey } from '../../domain/content.js';
import { sha256 } from '../../domain/event.js';
import { homeOf, membershipStream, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import type { Command, CommandChannel } from '../command.js';
import type { Keys } from '../keys/keys.js';
import { unseal } from '../keys/sealing.js';
import { openKeys } from '../keys/sqlite.js';
import { PARTITIONS, T0, ada, conversation, nextId, random } from '../worker/testing.js';
import { type CommandClient, type Draft, createClient } from './client.js';
import { TEXT, answer, markRead, message, never, start } from './testing.js';

const folder = mkdtempSync(join(tmpdir(), 'verbatim-client-'));
let files = 0;
let file: string;
let keys: Keys;
let sent: { readonly partition: number; readonly command: Command }[];
let client: CommandClient;
const opened: Keys[] = [];

/** A client whose commands go to `submit`. */
const clientTo = (submit: CommandChannel['submit']): CommandClient =>
  createClient({ channel: { submit }, keys, partitions: PARTITIONS, now: () => T0, random, wait: never });

beforeEach(() => {
  file = join(folder, `keys${files++}.db`);
  keys = openKeys({ file, random });
  opened.push(keys);
  sent = [];
  client = clientTo(async (partition, command) => {
    sent.push({ partition, command });
    return answer;
  });
});

afterAll(async () => {
  for (const each of opened) await each.close();
  rmSync(folder, { recursive: true, force: true });
});

const isSealed = (value: object): value is Sealed => 'key' in value && 'content' in value && 'box' in value;

/** Everything sealed in what was sent last, by its place. */
function sealedLast(): ReadonlyMap<string, Sealed> {
  const find = (value: unknown): readonly Sealed[] => {
    if (typeof value !== 'object' || value === null) return [];
    return isSealed(value) ? [value] : Object.values(value).flatMap(find);
  };
  return new Map(find(sent.at(-1)?.command.data).map((sealed) => [sealed.content, sealed]));
}

/** What was sent last for a place, opened. */
async function openedLast(content: string, place = content): Promise<string> {
  const sealed = sealedLast().get(content);
  if (!sealed) throw new Error(`nothing was sealed for ${content}`);
  return unseal(await keys.ensure(sealed.key), sealed, place);
}

describe('what a client sends', () => {
  it('holds the content in boxes that open under the key of its author, each in its own place', async () => {
    expect(await client.send(start())).toEqual(answer);
    expect([...sealedLast().values()].map(({ key }) => key)).toEqual([personKey(ada), personKey(ada)]);
    expect(await openedLast(contentOf.part(message, 0))).toBe(TEXT);
    expect(await openedLast(contentOf.title(conversation))).toBe(TEXT.slice(0, 20));
    await expect(openedLast(contentOf.part(message, 0), contentOf.title(conversation))).rejects.toThrow(
      /does not open/,
    );
  });

  it('holds no plain text, in no disguise', async () => {
    const draft = start();
    await client.send(draft);
    const bytes = JSON.stringify(sent);
    const hash = createHash('sha256').update(TEXT).digest();
    const forms = [
      TEXT,
      'Nobody',
      Buffer.from(TEXT).toString('base64').slice(0, 40),
      Buffer.from(TEXT).toString('hex'),
    ];
    // Nor a hash by which a short text could be guessed.
    const { type, stream, data } = draft;
    forms.push(sha256({ type, stream, data }), sha256(data));
    for (const form of [...forms, hash.toString('hex'), hash.toString('base64url')]) expect(bytes).not.toContain(form);
    // Nothing is lost on the way: the ids and the counts are there.
    for (const clear of [message, `"chars":${TEXT.length}`]) expect(bytes).toContain(clear);
  });

  it('is sealed under a key that is on the disk already', async () => {
    let found: ReadonlyMap<string, unknown> = new Map();
    const asking = clientTo(async () => {
      const elsewhere = openKeys({ file, random });
      found = await elsewhere.find([personKey(ada)]);
      await elsewhere.close();
      return answer;
    });
    await asking.send(start());
    expect([...found.keys()]).toEqual([personKey(ada)]);
  });

  it('looks different each time, and has the same hash each time', async () => {
    const draft = start();
    await client.send(draft);
    await client.send(draft);
    const [first, second] = sent.map(({ command }) => command);
    expect(first?.data).not.toEqual(second?.data);
    expect(first?.hash).toBe(second?.hash);
  });

  it('has another hash where anything about it is another', async () => {
    const id = nextId();
    const elsewhere = { stream: streamOf('conversation', clientId(77, 0x500)) };
    for (const draft of [start(), start('Another text.'), { ...start(), ...elsewhere }]) await client.send(draft);
    await client.send(markRead({ id, data: { conversation, seq: 4 } }));
    await client.send(markRead({ id }));
    expect(new Set(sent.map(({ command }) => command.hash)).size).toBe(5);
  });

  it('goes to the home of its stream, with a deadline and its errand', async () => {
    const elsewhere = clientId(9, 0xfff);
    const draft = markRead({ stream: membershipStream(conversation, elsewhere), actor: elsewhere, patience: 5_000 });
    await client.send(draft);
    await client.send(markRead({ correlation: clientId(8), expected: 4 }));
    expect(sent).toMatchObject([
      {
        partition: homeOf(draft.stream, PARTITIONS),
        command: { id: draft.id, correlation: draft.id, deadline: new Date(T0 + 5_000).toISOString() },
      },
      {
        partition: 1,
        command: { correlation: clientId(8), expected: 4, deadline: new Date(T0 + 10_000).toISOString() },
      },
    ]);
    expect(sent[0]).toMatchObject({ partition: 3 });
    expect(sent[0]?.command).not.toHaveProperty('expected');
  });
});

describe('a draft that is wrong', () => {
  const refused = async (draft: Draft, code: string, words: RegExp): Promise<void> => {
    expect(await client.send(draft)).toEqual({ status: 'rejected', code, message: expect.stringMatching(words) });
    expect(sent).toEqual([]);
  };

  it.each(['\ud83d', 'a\ude42b', 'ok \ud83d\ude42 \ude42'])('is not sent with half a surrogate pair in it', (text) =>
    refused(start(text), 'INVALID', /surrogate/),
  );

  it.each([' ', '\n\t '])('is not sent with a text that is blank: "%s"', (text) =>
    refused(start(text), 'INVALID', /blank/),
  );

  it.each([TEXT.length + 1, 0, -1, NaN, 0.5])('is not sent with a declared length that is not true: %d', (chars) =>
    refused(start(TEXT, { chars }), 'INVALID', /has 37 characters/),
  );

  it.each(['', 'x', clientId(1).toUpperCase()])('is not sent without an id: "%s"', (id) =>
    refused(markRead({ id }), 'INVALID', /not a lower-case UUID/),
  );

  it('is not sent if it is more than 256 KB', async () => {
    await refused(start('x'.repeat(200 * 1024)), 'TOO_LARGE', /256 KB/);
    expect(await client.send(start('x'.repeat(100_000)))).toEqual(answer);
  });

  it('is not sent for somebody whose key was destroyed, and makes them no new one', async () => {
    await client.send(start());
    await keys.destroy(personKey(ada));
    sent = [];
    await refused(start(), 'NOT_FOUND', /erased/);
    expect((await keys.find([personKey(ada)])).size).toBe(0);
  });

  it('is a fault of the caller where it names no key for its content', async () => {
    const { key: _, ...keyless } = start();
    await expect(client.send(keyless)).rejects.toThrow(/names no key/);
    expect(sent).toEqual([]);
  });
});

describe('a text', () => {
  it('comes back as it was, whatever it holds', async () => {
    const text = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 200 })
      .filter((some) => some.isWellFormed() && some.trim() !== '');
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(text, fc.constant('a\u0000b'), fc.constant('\ufeffx'), fc.constant('e\u0301')),
        async (some) => {
          const title = { plain: some, content: contentOf.title(conversation) };
          const rename = { type: 'RenameConversation' as const, data: { title, chars: some.length } };
          await client.send({ ...start(), ...rename });
          expect(await openedLast(contentOf.title(conversation))).toBe(some);
        },
      ),
      { numRuns: 60 },
    );
  });
});
