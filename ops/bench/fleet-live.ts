import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { type Figure, quantile, scaled } from './figure.js';
import { type Member, type Systems, withSystems } from './fleet.js';
import { heard, subscribe, textOf } from './socket.js';
import { PEOPLE, newId, person, subjectOf } from './writeside.js';

const MESSAGES = 1_000;
const WARM_UP = 100;
const AUDIENCE = 'verbatim-api';

/** Sends one message and resolves when it has come back. */
type Side = { send(n: number): Promise<void>; close(): Promise<void> };

/**
 * From the moment that a message is sent until it is delivered to a socket that follows its conversation, through a gateway,
 * a worker and a projector in processes of their own, as a fleet has them: posted by GraphQL, sent to Kafka, decided,
 * written to the log, projected into Postgres, announced through Redis, read, opened and sent. Beside it one message of
 * as many bytes from a producer to a consumer of kafkajs. One at a time, in turns.
 */
export const fleetLive = (scale: number): Promise<readonly Figure[]> =>
  withSystems(async (systems) => {
    const people = await startIssuer();
    const others = [await systems.start('commands'), await systems.start('projections')];
    const gateway = await systems.start('gateway', people.settings);
    const [ours, bare] = [await through(gateway, people.authorization), await around(systems)];
    const times: { readonly answered: number; readonly delivered: number; readonly bare: number }[] = [];
    for (let n = 0; n < scaled(MESSAGES, scale) + scaled(WARM_UP, scale); n++) {
      const [around_, through_] = [await timed(() => bare.send(n)), await timed(() => ours.send(n))];
      if (n >= scaled(WARM_UP, scale)) times.push({ bare: around_, delivered: through_, answered: ours.answered() });
    }
    await Promise.all([ours, bare].map((side) => side.close()));
    await Promise.all([gateway, ...others].map((member) => member.stop()));
    await people.close();
    const of = (what: 'answered' | 'delivered' | 'bare', share: number): number =>
      quantile(
        times.map((each) => each[what]),
        share,
      );
    return (
      [
        ['p50', 0.5, 3],
        ['p99', 0.99, 5],
      ] as const
    ).flatMap(([name, share, goal]): readonly Figure[] => [
      { metric: `sent to answered: ${name}`, value: of('answered', share), unit: 'ms' },
      { metric: `sent to delivered: ${name}`, value: of('delivered', share), unit: 'ms' },
      { metric: `a bare message from producer to consumer: ${name}`, value: of('bare', share), unit: 'ms' },
      {
        metric: `sent to delivered, against that: ${name}`,
        value: of('delivered', share) / of('bare', share),
        unit: '×',
        goal,
        better: 'lower',
      },
    ]);
  });

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** An issuer whose keys a gateway can read, and what each of the people says who they are. */
async function startIssuer() {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', kid: 'bench' }] });
  const server = createServer((_, response) => response.setHeader('content-type', 'application/json').end(keys));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${portOf(server.address())}`;
  return {
    settings: { OIDC_ISSUER: issuer, OIDC_JWKS_URL: `${issuer}/keys` },
    authorization: async (n: number): Promise<string> => {
      const token = await new SignJWT({ name: subjectOf(n), roles: ['user'] })
        .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setSubject(subjectOf(n))
        .setExpirationTime('1h')
        .sign(privateKey);
      return `Bearer ${token}`;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const portOf = (address: AddressInfo | string | null): number =>
  typeof address === 'object' && address ? address.port : 0;

const START =
  'mutation ($input: ConversationStartInput!) { conversationStart(input: $input) { __typename ... on CommandError { code message } } }';
const POST =
  'mutation ($input: MessagePostInput!) { messagePost(input: $input) { __typename ... on CommandError { code message } } }';
const FOLLOW =
  'subscription ($id: ID!) { conversationEvents(id: $id, asOf: 0) { from to messages { id version seq parts { ... on TextPart { text } } } } }';

/** So many people take turns: nobody may send as fast as they do together. */
const TURNS = 10;

/** Posts by GraphQL, each a message of its own beside the first. */
async function through({ url }: Member, authorizationOf: (n: number) => Promise<string>) {
  const ask = async (authorization: string, query: string, input: object): Promise<void> => {
    const body = JSON.stringify({ query, variables: { input } });
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
    const text = await answer.text();
    if (!text.includes('"Accepted"')) throw new Error(`a message was answered ${answer.status}: ${text}`);
  };
  const begin = async (_: unknown, n: number) => {
    const home = person(n % PEOPLE);
    const authorization = await authorizationOf(n);
    const [conversation, parent] = [`conversation_${newId(home)}`, `message_${newId(home)}`];
    const input = { commandId: newId(home), conversation, message: parent, reply: `message_${newId(home)}` };
    await ask(authorization, START, { ...input, text: textOf(n) });
    const socket = await subscribe(url, authorization, FOLLOW, { id: conversation });
    await once(socket, 'message');
    return { home, authorization, conversation, parent, socket };
  };
  const begun = await Promise.all(Array.from({ length: TURNS }, begin));
  let answered = 0;
  const send = async (n: number): Promise<void> => {
    const each = begun[n % TURNS];
    if (!each) throw new RangeError(`there is no conversation ${n}`);
    const { home, authorization, conversation, parent, socket } = each;
    const message = `message_${newId(home)}`;
    const delivered = heard(socket, message);
    const input = { commandId: newId(home), conversation, parent, message, reply: `message_${newId(home)}` };
    answered = await timed(() => ask(authorization, POST, { ...input, text: textOf(n), fork: true }));
    await delivered;
  };
  return {
    send,
    answered: () => answered,
    close: async () => {
      for (const { socket } of begun) socket.terminate();
    },
  };
}

/** Sends bare messages from a producer to a consumer, through a topic of their own. */
async function around({ kafka, prefix }: Systems): Promise<Side> {
  const topic = `${prefix}bare`;
  await kafka.administer((admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true }),
  );
  const client = kafka.client({ requestTimeout: 30_000 });
  const producer = client.producer();
  const consumer = client.consumer({ groupId: topic, maxWaitTimeInMs: 500 });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic, fromBeginning: true });
  let come: (key: string) => void = () => undefined;
  await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => come(String(message.key)) });
  // As many bytes as the log keeps of a message: two events of about 800 bytes.
  const padding = 'x'.repeat(1_400);
  return {
    send: async (n) => {
      const key = String(n);
      const there = new Promise<void>((resolve) => {
        come = (came) => came === key && resolve();
      });
      await producer.send({ topic, acks: -1, messages: [{ key, value: `${textOf(n)} ${padding}` }] });
      await there;
    },
    close: async () => {
      await Promise.all([producer.disconnect(), consumer.disconnect()]);
    },
  };
}
