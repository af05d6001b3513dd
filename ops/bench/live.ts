import { once } from 'node:events';
import { type Figure, quantile, scaled } from './figure.js';
import { type GatewayProcess, withGateway } from './gateway-process.js';
import { heard, openSocket, subscribe, textOf } from './socket.js';
import { newId, person, withFolder } from './writeside.js';

const MESSAGES = 300;
const WARM_UP = 20;

/** Sends one message and resolves when it has come back, sent by the server to a socket. */
type Send = (n: number) => Promise<void>;

/**
 * From the moment that a message is sent until it is delivered to a socket that follows its conversation: posted by GraphQL,
 * decided, synced, projected, announced, read, opened and sent. Beside it the least that could be called the same: one bare
 * commit of as many bytes, synced, and one bare ws frame. One at a time, in turns.
 */
export const live = (scale: number): Promise<readonly Figure[]> =>
  withFolder((folder) =>
    withGateway(folder, async (gateway) => {
      const [ours, bare] = [await through(gateway), await around(gateway)];
      const times: { readonly ours: number; readonly bare: number }[] = [];
      for (let n = 0; n < scaled(MESSAGES, scale) + WARM_UP; n++) {
        const each = { bare: await timed(bare, n), ours: await timed(ours, n) };
        if (n >= WARM_UP) times.push(each);
      }
      const of = (side: 'ours' | 'bare', share: number): number =>
        quantile(
          times.map((each) => each[side]),
          share,
        );
      const figures = (
        [
          ['p50', 0.5],
          ['p99', 0.99],
        ] as const
      ).flatMap(([name, share]): readonly Figure[] => [
        { metric: `sent to delivered: ${name}`, value: of('ours', share), unit: 'ms' },
        { metric: `a bare commit and a bare frame: ${name}`, value: of('bare', share), unit: 'ms' },
        {
          metric: `sent to delivered, against them: ${name}`,
          value: of('ours', share) / of('bare', share),
          unit: '×',
          goal: 10,
          better: 'lower',
        },
      ]);
      await Promise.all([ours, bare].map((side) => side.close()));
      return figures;
    }),
  );

async function timed({ send }: { readonly send: Send }, n: number): Promise<number> {
  const begun = performance.now();
  await send(n);
  return performance.now() - begun;
}

const POST =
  'mutation ($input: MessagePostInput!) { messagePost(input: $input) { __typename ... on CommandError { code message } } }';
const FOLLOW =
  'subscription ($id: ID!) { conversationEvents(id: $id, asOf: 0) { from to messages { id version seq parts { ... on TextPart { text } } } } }';

/** Posts by GraphQL, each a message of its own beside the first. */
async function through(gateway: GatewayProcess) {
  const [begun] = await gateway.begin(1);
  if (!begun) throw new Error('no conversation was started');
  const [conversation, parent] = [`conversation_${begun.conversation}`, `message_${begun.message}`];
  const authorization = gateway.authorizations[begun.person] ?? '';
  const socket = await subscribe(gateway.url, authorization, FOLLOW, { id: conversation });
  await once(socket, 'message');
  const home = person(begun.person);
  const send: Send = async (n) => {
    const message = `message_${newId(home)}`;
    const delivered = heard(socket, message);
    const input = { commandId: newId(home), conversation, parent, message, reply: `message_${newId(home)}` };
    const body = JSON.stringify({ query: POST, variables: { input: { ...input, text: textOf(n), fork: true } } });
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers, body });
    const text = await answer.text();
    if (!text.includes('"Accepted"')) throw new Error(`a message was answered ${answer.status}: ${text}`);
    await delivered;
  };
  return { send, close: async () => socket.terminate() };
}

/** Sends a bare frame, which the server commits and sends back. */
async function around(gateway: GatewayProcess) {
  const socket = await openSocket(gateway.bareUrl);
  // As many bytes as the log keeps of a message: two events of about 800 bytes.
  const padding = 'x'.repeat(1_400);
  const send: Send = async (n) => {
    const text = `${n} ${textOf(n)} ${padding}`;
    const delivered = heard(socket, text);
    socket.send(text);
    await delivered;
  };
  return { send, close: async () => socket.terminate() };
}
