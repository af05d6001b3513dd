import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type Uuid, bucketOf, timedId } from '../../../domain/ids.js';
import { at } from '../person.js';
import type { CommandNote, Told, Update, WatchNote } from './checker.js';

/** Who a client is, with a token that is good whenever it is asked for. */
export type Account = { readonly user: Uuid; authorization(): Promise<string> };

export type ClientOptions = {
  readonly name: string;
  readonly account: Account;
  /** The addresses of the gateways, as http://host:port. It takes another one where one does not answer. */
  readonly gateways: readonly string[];
  readonly random: (bytes: number) => Uint8Array;
  readonly chance: () => number;
  readonly wait: (ms: number) => Promise<void>;
};

/** Somebody who sends commands, one after the other, and watches conversations; and notes what they are told. */
export type Client = {
  readonly commands: readonly CommandNote[];
  readonly watching: readonly WatchNote[];
  /** A new id in the home of this client, or of something else. */
  newId(of?: Uuid): Uuid;
  /** Sends a mutation under one id until it is decided. Resolves with what came of it. */
  send(field: 'conversationStart' | 'messagePost' | 'conversationRename' | 'memberAdd', input: Input): Promise<Told>;
  /** Waits until the view shows something of this client's, by its id in the schema: what needs it is refused before. */
  shown(id: string): Promise<void>;
  /** Watches a conversation from its beginning until the client leaves. */
  watch(conversation: Uuid): void;
  /** Cuts the sockets that are open. They come back by themselves. */
  cut(): void;
  /** Ends the watching. */
  leave(): Promise<void>;
};

export type Input = { readonly conversation: string } & Readonly<Record<string, unknown>>;

const RETRY_MS = 200;
/** How long one request may take, in ms: a gateway that stands still answers nobody. */
const PATIENCE_MS = 8_000;

export function startFleetClient({ name, account, gateways, random, chance, wait }: ClientOptions): Client {
  const commands: CommandNote[] = [];
  const watching: WatchNote[] = [];
  const sockets = new Set<WebSocket>();
  const leaving: (() => Promise<void>)[] = [];
  const anyGateway = (): string => gateways[Math.floor(chance() * gateways.length)] ?? '';

  const ask = async (query: string, variables: object): Promise<unknown> => {
    const response = await fetch(`${anyGateway()}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: await account.authorization() },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return response.json();
  };

  const send: Client['send'] = async (field, input) => {
    // A command lives where its conversation does.
    const command = timedId(Date.now(), random(16), bucketOf(input.conversation));
    const own = commands.push({ client: name, actor: account.user, command, told: undefined }) - 1;
    const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
    const query = `mutation ($input: ${type}!) { ${field}(input: $input) {
      __typename ... on Accepted { position } ... on CommandError { code message } } }`;
    for (;;) {
      // No answer, or one that leaves it open: the command may be in the log or not.
      const answer = await ask(query, { input: { commandId: command, ...input } }).catch(() => undefined);
      const told = toldBy(at(answer, 'data', field));
      if (told) {
        commands[own] = { client: name, actor: account.user, command, told };
        return told;
      }
      const tooFast = at(answer, 'errors', 0, 'extensions', 'retryAfter');
      await wait(typeof tooFast === 'number' ? tooFast : RETRY_MS * (0.5 + chance()));
    }
  };

  const shown: Client['shown'] = async (id) => {
    const find = async (): Promise<unknown> =>
      at(await ask('query ($id: ID!) { node(id: $id) { id } }', { id }), 'data', 'node', 'id');
    while ((await find().catch(() => undefined)) !== id) await wait(RETRY_MS);
  };

  const watch: Client['watch'] = (conversation) => {
    const updates: Update[] = [];
    watching.push({ watcher: name, conversation, asOf: 0, updates });
    const variables = { id: `conversation_${conversation}`, asOf: 0 };
    const client = createClient({
      url: () => `${anyGateway().replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: async () => ({ authorization: await account.authorization() }),
      retryAttempts: Infinity,
      shouldRetry: () => true,
      retryWait: () => wait(RETRY_MS * (0.5 + chance())),
      // A gateway that stands still keeps its sockets, and says nothing.
      keepAlive: 2_000,
      on: {
        opened: (socket) => {
          if (!(socket instanceof WebSocket)) return;
          sockets.add(socket);
          socket.on('close', () => sockets.delete(socket));
          socket.on('error', () => undefined);
        },
        // The next one is not to be judged by this one's silence.
        closed: () => ponged(),
        ping: (received) => {
          if (!received) pinged();
        },
        pong: (received) => {
          if (received) ponged();
        },
      },
    });
    let silent: NodeJS.Timeout | undefined;
    const pinged = (): void => {
      ponged();
      silent = setTimeout(() => client.terminate(), PATIENCE_MS);
    };
    const ponged = (): void => clearTimeout(silent);
    let left = false;
    // As long as the view does not show the conversation, or the gateway cannot tell, it is asked again.
    const again = (): void => {
      if (!left) void wait(RETRY_MS).then(subscribe);
    };
    const subscribe = (): void => {
      client.subscribe<{ conversationEvents: Seen }>(
        { query: WATCH, variables },
        {
          next: ({ data }) => {
            if (!data) return;
            const { from, to, messages } = data.conversationEvents;
            variables.asOf = to;
            updates.push({
              from,
              to,
              messages: messages.map(({ id, ...rest }) => ({ id: id.slice('message_'.length), ...rest })),
            });
          },
          error: again,
          complete: again,
        },
      );
    };
    subscribe();
    leaving.push(async () => {
      left = true;
      ponged();
      await client.dispose();
    });
  };

  return {
    commands,
    watching,
    newId: (of = account.user) => timedId(Date.now(), random(16), bucketOf(of)),
    send,
    shown,
    watch,
    cut: () => {
      for (const socket of sockets) socket.terminate();
    },
    leave: async () => {
      await Promise.all(leaving.map((each) => each()));
    },
  };
}

type Seen = { from: number; to: number; messages: { id: string; seq: number; version: number }[] };

const WATCH = `subscription ($id: ID!, $asOf: Int!) {
  conversationEvents(id: $id, asOf: $asOf) { from to messages { id seq version } } }`;

/** What an outcome says, if it says that the command is decided. */
function toldBy(outcome: unknown): Told | undefined {
  const [kind, code, position] = [at(outcome, '__typename'), at(outcome, 'code'), at(outcome, 'position')];
  if (kind === 'Accepted' && typeof position === 'string') {
    const parsed: unknown = JSON.parse(Buffer.from(position, 'base64url').toString());
    const [place] = Object.entries(Object(at(parsed, 'at')));
    return { status: 'accepted', partition: Number(place?.[0]), offset: Number(place?.[1]) };
  }
  if (kind === undefined || kind === 'Pending' || code === 'UNAVAILABLE' || code === 'EXPIRED') return undefined;
  return { status: 'rejected', code: String(code) };
}
