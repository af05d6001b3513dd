import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import manifest from '../../../package.json' with { type: 'json' };
import { type Person, register } from '../../chaos/person.js';
import { startServer } from '../../chaos/server.js';
import { type Known, type Seen, see } from './seen.js';

// Makes the data folder that this version writes, with what its only person is shown of it:
//   node --import tsx ops/run/folders/make.ts
// All of it through the doors that everybody uses: the server, its GraphQL, and `verbatim backup`. Once a version is out,
// its folder stays as it is for ever; until then, remove it and make it again.

const LOGIN = 'ada';

/** Does one of everything that a person can do. */
async function live(person: Person): Promise<Known> {
  const conversations: string[] = [];
  const messages: string[] = [];
  const send = async (field: string, input: object): Promise<void> => {
    const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
    const query = `mutation ($input: ${type}!) { ${field}(input: $input) { __typename ... on CommandError { message } } }`;
    const answer = JSON.stringify(await person.ask(query, { input: { commandId: person.newId(), ...input } }));
    if (!answer.includes('"Accepted"')) throw new Error(`${field} was answered ${answer}`);
  };
  const turn = (): { message: string; reply: string } => {
    const ids = { message: `message_${person.newId()}`, reply: `message_${person.newId()}` };
    messages.push(ids.message, ids.reply);
    return ids;
  };
  const start = async (text: string): Promise<{ conversation: string; message: string; reply: string }> => {
    const ids = { conversation: `conversation_${person.newId()}`, ...turn() };
    conversations.push(ids.conversation);
    await send('conversationStart', { ...ids, text });
    return ids;
  };
  const ended = async (reply: string): Promise<void> => {
    const query = 'query ($id: ID!) { node(id: $id) { ... on Message { reply { status } } } }';
    while (!/COMPLETED|STOPPED|FAILED/.test(JSON.stringify(await person.ask(query, { id: reply })))) await sleep(100);
  };

  const first = await start('What did the first programmer write?');
  await ended(first.reply);
  const { conversation } = first;
  const second = turn();
  await send('messagePost', { conversation, ...second, parent: first.reply, text: 'And **what** did it `compute`?' });
  await ended(second.reply);
  const edited = turn();
  const text = 'And what was it *meant* to compute? 🧮';
  await send('messagePost', { conversation, ...edited, parent: first.reply, text, fork: true });
  await ended(edited.reply);
  await send('conversationRename', { conversation, title: 'Notes on the Analytical Engine' });
  await send('conversationRead', { conversation, seq: 4 });

  const stopped = await start('Tell me everything that you know.');
  await send('replyStop', { conversation: stopped.conversation, reply: stopped.reply });
  await ended(stopped.reply);

  const deleted = await start('Nobody needs this one.');
  await ended(deleted.reply);
  await send('conversationDelete', { conversation: deleted.conversation });
  return { conversations, messages };
}

/** What is shown, once it no longer changes. */
async function settled(person: Person, known: Known): Promise<Seen> {
  for (let last = ''; ;) {
    const seen = await see(person, known);
    if (JSON.stringify(seen) === last) return seen;
    last = JSON.stringify(seen);
    await sleep(3_000);
  }
}

const folder = fileURLToPath(new URL(manifest.version, import.meta.url));
if (existsSync(folder)) throw new Error(`${folder} is there: if ${manifest.version} is not out yet, remove it first`);
const data = mkdtempSync(join(tmpdir(), 'verbatim-folder-'));
const server = await startServer({ data });
try {
  await server.ready;
  const person = await register(server.url, LOGIN);
  const known = await live(person);
  const seen = await settled(person, known);
  const verbatim = fileURLToPath(new URL('../../cli/verbatim.mjs', import.meta.url));
  execFileSync(process.execPath, [verbatim, 'backup', folder, '--data', data], { stdio: 'inherit' });
  writeFileSync(`${folder}.json`, `${JSON.stringify({ login: LOGIN, known, seen }, null, 2)}\n`);
  console.log(`Made ${folder}, and ${folder}.json with what is seen in it. Commit both.`);
} finally {
  await server.kill();
  rmSync(data, { recursive: true, force: true });
}
