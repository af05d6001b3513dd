import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { getRequestListener } from '@hono/node-server';
import Database from 'libsql';
import { Hono } from 'hono';
import { WebSocketServer } from 'ws';
import type { Asked, Begun, Hello } from './gateway-process.js';
import type { Draft } from '../../commands/client/client.js';
import { contentOf, personKey } from '../../domain/content.js';
import { parseStream, streamOf } from '../../domain/ids.js';
import { openReadSide } from './readside.js';
import { PEOPLE, TEXT, accepted, newId, person, startConversation } from './writeside.js';

// The process of a server: the gateway with all that is behind it, and beside it the least that any server would do. It
// does what it is told, a line of JSON each, and answers with one. Its arguments are a folder, and the address of a Redis
// if live sessions are to be there.

const [folder = '', redisUrl] = process.argv.slice(2);
const readSide = await openReadSide(folder, redisUrl);

/** Plain hono on the same server stack: JSON in, JSON out. */
const plain = new Hono();
plain.post('/graphql', async (c) => {
  const body: unknown = await c.req.json();
  return typeof body === 'object' ? c.json({ data: { viewer: { roles: ['USER'] } } }) : c.json({}, 400);
});
const listener = getRequestListener(plain.fetch);
const bare = createServer((request, response) => void listener(request, response));

/** Bare sockets. What comes is committed, synced, and comes back. */
const sockets = new WebSocketServer({ server: bare, perMessageDeflate: false });
const db = new Database(`${folder}/bare.db`);
db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
db.exec('CREATE TABLE bare (n INTEGER PRIMARY KEY, entry TEXT)');
const insert = db.prepare('INSERT INTO bare (entry) VALUES (?)');
sockets.on('connection', (socket) =>
  socket.on('message', (data) => {
    const text = Buffer.isBuffer(data) ? data.toString() : '';
    insert.run(text);
    socket.send(text);
  }),
);
await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve));

const PIECE = 'as many words as come ';
let begun: readonly Begun[] = [];
let offset = 0;

/** Starts conversations whose replies are asked for, and waits until they are shown. */
async function begin(count: number): Promise<readonly Begun[]> {
  const all: Begun[] = [];
  for (let n = 0; n < count; n++) {
    const draft = startConversation(n);
    if (draft.type !== 'StartConversation') throw new Error('a conversation begins with its start');
    const { position } = accepted(await readSide.side.client.send(draft));
    if (!(await readSide.reached(position, 60_000))) throw new Error('the view does not keep up');
    const { message, reply } = draft.data;
    all.push({ person: n % PEOPLE, conversation: parseStream(draft.stream).id, message, reply });
  }
  return all;
}

let gathered: Begun | undefined;

/** What the starter of that conversation needs for a command. */
function aimOf({ person: starter, conversation }: Begun) {
  const actor = person(starter);
  return { id: newId(actor), actor, stream: streamOf('conversation', conversation), key: personKey(actor) };
}

/** Waits until the view shows what a command did. Returns the version after it. */
async function shown(draft: Draft): Promise<number> {
  const { position, version } = accepted(await readSide.side.client.send(draft));
  if (!(await readSide.reached(position, 60_000))) throw new Error('the view does not keep up');
  return version;
}

/** A conversation of all people. */
async function gather(): Promise<Begun> {
  const [first] = await begin(1);
  if (!first) throw new Error('no conversation has begun');
  for (let n = 0; n < PEOPLE; n++) {
    if (n === first.person) continue;
    await shown({ ...aimOf(first), type: 'AddMember', data: { user: person(n), role: 'writer' } });
  }
  return first;
}

/** Renames it. */
function tell(): Promise<number> {
  if (!gathered) throw new Error('nobody has gathered');
  const title = { plain: TEXT, content: contentOf.title(gathered.conversation) };
  return shown({ ...aimOf(gathered), type: 'RenameConversation', data: { title, chars: TEXT.length } });
}

async function act(asked: Asked): Promise<unknown> {
  switch (asked.act) {
    case 'cpu': {
      const { user, system } = process.cpuUsage();
      return user + system;
    }
    case 'begin':
      begun = await begin(asked.count);
      return begun;
    case 'write':
      for (const { reply } of begun) readSide.sessions.writeReply({ reply, attempt: 1, part: 0, offset, text: PIECE });
      offset += PIECE.length;
      return true;
    case 'send': {
      const payload = { data: { replyDeltas: { attempt: 1, offset, text: PIECE } } };
      for (const socket of sockets.clients) socket.send(JSON.stringify({ id: '1', type: 'next', payload }));
      return true;
    }
    case 'gather':
      gathered = await gather();
      return gathered;
    case 'following':
      return readSide.following();
    case 'tell':
      return tell();
    case 'broadcast':
      for (const socket of sockets.clients) socket.send(asked.text);
      return true;
    case 'stop':
      for (const socket of sockets.clients) socket.terminate();
      bare.close();
      bare.closeAllConnections();
      db.close();
      await readSide.close();
      return true;
  }
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' && address ? address.port : 0;
const authorizations = await Promise.all(Array.from({ length: PEOPLE }, (_, n) => readSide.authorization(n)));
const hello: Hello = { url: readSide.url, bareUrl: `http://127.0.0.1:${portOf(bare.address())}`, authorizations };
console.log(JSON.stringify(hello));
const lines = createInterface(process.stdin);
for await (const line of lines) {
  const asked: Asked = JSON.parse(line);
  console.log(JSON.stringify(await act(asked)));
  if (asked.act === 'stop') lines.close();
}
