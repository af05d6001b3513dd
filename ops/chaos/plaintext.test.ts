import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { openLogIn, readHistory } from './audit.js';
import { type Person, at, register } from './person.js';
import { type Server, startServer } from './server.js';
import { filesBelow, tracesBelow, tracesIn } from './traces.js';

/** A word that stands nowhere by chance; every text begins with it, so that one search finds them all. */
const mark = `marker${randomBytes(9).toString('hex')}`;
const marks = new Set([mark]);
const markers: string[] = [];
const marked = (): string => {
  markers.push(`${mark}n${markers.length}`);
  return markers.at(-1) ?? '';
};

describe('the search for traces', () => {
  it('finds a text in every form that it may stand in, and no other', () => {
    const text = `marker${randomBytes(9).toString('hex')}`;
    const wide = Buffer.from(`"${text}"`, 'utf16le');
    const planted = [
      Buffer.from(`{"text":"${text}"}`),
      wide,
      Buffer.from(wide).swap16(),
      ...['', '"', '{"'].map((before) => Buffer.from(Buffer.from(`${before}${text}"}`).toString('base64'))),
      Buffer.from(Buffer.from(`a${text}?`).toString('base64url')),
      Buffer.from(wide.toString('base64')),
      Buffer.from(Buffer.from(text).toString('hex')),
    ];
    for (const bytes of planted) {
      const hidden = Buffer.concat([randomBytes(333), bytes, randomBytes(333)]);
      expect(tracesIn('here', hidden, [text])).not.toEqual([]);
      expect(tracesIn('here', hidden, [`${text.slice(0, 12)}z${text.slice(13)}`])).toEqual([]);
    }
    const folder = mkdtempSync(join(tmpdir(), 'verbatim-traces-'));
    mkdirSync(join(folder, 'below/further'), { recursive: true });
    writeFileSync(join(folder, 'below/further/file'), text);
    expect(tracesBelow(folder, new Set([text]))).toEqual([expect.stringContaining(join('below', 'further', 'file'))]);
    rmSync(folder, { recursive: true });
  });
});

describe('what people write stands in the open nowhere', () => {
  let data: string;
  let server: Server;
  let said = '';
  let person: Person;
  const login = `login${randomBytes(6).toString('hex')}`;

  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'verbatim-plaintext-'));
    server = await startServer({ data });
    await server.ready;
    person = await register(server.url, login);
  });
  afterAll(async () => {
    await server.kill();
    rmSync(data, { recursive: true, force: true });
  });

  const send = async (field: string, input: object): Promise<unknown> => {
    const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
    const query = `mutation ($input: ${type}!) { ${field}(input: $input) { __typename ... on CommandError { code } } }`;
    return at(await person.ask(query, { input }), field);
  };
  const message = () => ({ message: `message_${person.newId()}`, reply: `message_${person.newId()}` });
  const newConversation = () => ({ conversation: `conversation_${person.newId()}`, ...message() });
  const accepted = { __typename: 'Accepted' };
  const refused = (code: string): unknown => expect.objectContaining({ code });

  /** Every text that somebody can send, in ways that are accepted and in all those that are not. */
  const writeEverything = async (): Promise<void> => {
    const first = newConversation();
    const { conversation } = first;
    const commandId = person.newId();
    expect(await send('conversationStart', { ...first, commandId, text: marked() })).toEqual(accepted);
    expect(await send('conversationRename', { conversation, commandId: person.newId(), title: marked() })).toEqual(
      accepted,
    );
    const edit = { conversation, ...message(), parent: null, fork: true };
    expect(
      await send('messagePost', { ...edit, commandId: person.newId(), text: `${marked()} 😀 ${marked()}` }),
    ).toEqual(accepted);
    await expect.poll(() => replyOf(edit.reply), { timeout: 30_000 }).toContain(markers.at(-1));

    expect(await send('conversationStart', { ...newConversation(), commandId, text: marked() })).toEqual(
      refused('COMMAND_ID_REUSED'),
    );
    expect(
      await send('messagePost', { ...edit, ...message(), fork: false, commandId: person.newId(), text: marked() }),
    ).toMatchObject({ code: expect.any(String) });
    const nowhere = { ...newConversation(), parent: null, commandId: person.newId() };
    expect(await send('messagePost', { ...nowhere, text: marked() })).toEqual(refused('NOT_FOUND'));
    const long = { conversation, commandId: person.newId(), title: marked().padEnd(300, 'x') };
    expect(await send('conversationRename', long)).toMatchObject({ code: expect.any(String) });
    const large = { ...edit, ...message(), commandId: person.newId(), text: marked().padEnd(100_001, 'x') };
    expect(await send('messagePost', large)).toMatchObject({ code: expect.any(String) });
    const half = { ...edit, ...message(), commandId: person.newId(), text: `${marked()} \ud800` };
    expect(await send('messagePost', half)).toMatchObject({ code: expect.any(String) });
    // What GraphQL itself refuses: a wrong type, a document that is none, one that is too much.
    await expect(send('messagePost', { ...edit, text: { of: marked() } })).rejects.toThrow('GraphQL answered');
    await expect(person.ask(`{ viewer { ${marked()} `)).rejects.toThrow('GraphQL answered');
    await expect(person.ask(`mutation { messagePost(input: { text: "${marked()}" }) }`)).rejects.toThrow(
      'GraphQL answered',
    );
    const other = newConversation();
    expect(await send('conversationStart', { ...other, commandId: person.newId(), text: marked() })).toEqual(accepted);
    const gone = { conversation: other.conversation, commandId: person.newId() };
    expect(await send('conversationDelete', gone)).toEqual(accepted);
    expect(await send('conversationRename', { ...gone, commandId: person.newId(), title: marked() })).toMatchObject({
      code: expect.any(String),
    });
  };

  const replyOf = async (reply: string): Promise<unknown> => {
    const query = 'query ($id: ID!) { node(id: $id) { ... on Message { parts { ... on TextPart { text } } } } }';
    return at(await person.ask(query, { id: reply }), 'node', 'parts', 0, 'text') ?? '';
  };

  const traces = (): readonly string[] => [
    ...tracesBelow(data, marks),
    ...tracesIn('what the server said', Buffer.from(said + server.output()), marks),
  ];

  it('not while it runs, nor after kill -9 in the middle', async () => {
    await writeEverything();
    expect(traces()).toEqual([]);
    const writing = Array.from({ length: 20 }, () =>
      send('conversationStart', { ...newConversation(), commandId: person.newId(), text: marked() }).catch(
        () => undefined,
      ),
    );
    await Promise.race(writing);
    await server.kill();
    await Promise.all(writing);
    expect(markers.length).toBeGreaterThan(30);
    expect(traces()).toEqual([]);
  });

  it('nor after it went on, and ended', async () => {
    said = server.output();
    server = await startServer({ data, port: server.port });
    await server.ready;
    await writeEverything();
    expect(traces()).toEqual([]);
    expect(await server.stop()).toBe(0);
    expect(traces()).toEqual([]);
  });

  it('nor in a table of the read models, where long values are compressed', async () => {
    const db = await openPglite(join(data, 'readmodels'));
    const { rows: tables } = await db.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
       WHERE table_schema LIKE 'rm%' AND table_type = 'BASE TABLE'`,
    );
    expect(tables.length).toBeGreaterThan(5);
    let rows = 0;
    for (const { name } of tables) {
      for (const { row } of (await db.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`)).rows) {
        rows += 1;
        expect(tracesIn(name, Buffer.from(row), marks)).toEqual([]);
      }
    }
    expect(rows).toBeGreaterThan(30);
    await db.close();
  });

  it('though all of it is there, sealed, and the search would have found it', async () => {
    const log = openLogIn(data);
    const { events } = await readHistory(log);
    await log.close();
    expect(events.filter(({ type }) => type === 'MessagePosted').length).toBeGreaterThan(5);
    const files = filesBelow(data);
    for (const name of ['log.db', 'snapshots.db', 'keys.db', 'identity.db']) expect(files).toContain(name);
    expect(files.some((file) => file.startsWith('readmodels'))).toBe(true);
    // What may stand in the open is found: the name to log in with, and only where accounts are kept.
    const known = tracesBelow(data, new Set([login]));
    expect(known).not.toEqual([]);
    expect(known.filter((each) => !each.startsWith('identity.db'))).toEqual([]);
    expect(readFileSync(join(data, 'log.db')).includes('MessagePosted')).toBe(true);
  });
});
