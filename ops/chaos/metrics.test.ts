import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Person, at, register } from './person.js';
import { type Server, startServer } from './server.js';

const SECRET = 'a text that nobody should find in any metric';

let data: string;
let server: Server;
let person: Person;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'verbatim-metrics-'));
  server = await startServer({ data });
  await server.ready;
  person = await register(server.url, 'metered');
});
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

const scrape = async (): Promise<string> => {
  const opsUrl = at(JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')), 'opsUrl');
  const response = await fetch(`${String(opsUrl)}/metrics`);
  expect(response.status).toBe(200);
  return response.text();
};

/** The sum of a series over all of its labels that hold some text. */
function sum(text: string, name: string, label = ''): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines
    .filter((line) => line.includes(label))
    .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
}

it('counts a message in every stage, from the command to the delivery, and tells nothing of it', async () => {
  const [conversation, message, reply] = Array.from({ length: 3 }, () => person.newId());
  const input = {
    commandId: person.newId(),
    conversation: `conversation_${conversation}`,
    message: `message_${message}`,
    reply: `message_${reply}`,
    text: SECRET,
  };
  const start = 'mutation ($input: ConversationStartInput!) { conversationStart(input: $input) { __typename } }';
  await person.ask(start, { input });

  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: person.authorization },
  });
  let over = (): void => undefined;
  const completed = new Promise<void>((resolve) => (over = resolve));
  const follow = 'subscription ($id: ID!) { conversationEvents(id: $id, asOf: 0) { messages { reply { status } } } }';
  const refused = new Promise((resolve) => {
    const sink = { next: resolve, error: resolve, complete: () => resolve(undefined) };
    client.subscribe({ query: `{ ${'a: viewer { roles } '.repeat(30)} }` }, sink);
  });
  await refused;
  client.subscribe(
    { query: follow, variables: { id: input.conversation } },
    {
      next: (result) => {
        if (JSON.stringify(result).includes('COMPLETED')) over();
      },
      error: (error) => {
        throw new Error(`the subscription ended: ${JSON.stringify(error)}`);
      },
      complete: () => undefined,
    },
  );
  // The built-in responder answers.
  await completed;

  const text = await scrape();
  const moved = [
    ['verbatim_command_duration_seconds_count', 'type="StartConversation",outcome="accepted"'],
    ['verbatim_command_duration_seconds_count', 'type="CompleteReply",outcome="accepted"'],
    ['verbatim_log_append_duration_seconds_count'],
    ['verbatim_log_batch_size_records_sum'],
    ['verbatim_log_takeovers_total'],
    ['verbatim_store_size_bytes', 'store="log"'],
    ['verbatim_projection_batch_duration_seconds_count', 'view="core"'],
    ['verbatim_projection_events_total', 'view="obligations"'],
    ['verbatim_projection_delay_seconds_count', 'view="core"'],
    ['verbatim_notices_published_total', 'kind="conversation"'],
    ['verbatim_notices_published_total', 'kind="reply"'],
    ['verbatim_live_topics', 'kind="conversation"'],
    ['verbatim_live_watchers', 'kind="conversation"'],
    ['verbatim_sockets'],
    ['verbatim_subscriptions', 'field="conversationEvents"'],
    ['verbatim_deliveries_total', 'field="conversationEvents"'],
    ['verbatim_delivery_delay_seconds_count', 'field="conversationEvents"'],
    ['verbatim_graphql_post_duration_seconds_count', 'status="200"'],
    ['verbatim_graphql_operation_duration_seconds_count', 'type="mutation",transport="post",outcome="ok"'],
    ['verbatim_graphql_operation_duration_seconds_count', 'type="subscription",transport="socket",outcome="ok"'],
    ['verbatim_refusals_total', 'code="DOCUMENT_TOO_LARGE"'],
    ['verbatim_build_info'],
  ] as const;
  for (const [name, label] of moved)
    expect({ name, label, sum: sum(text, name, label) }).toMatchObject({ sum: expect.toSatisfy((n: number) => n > 0) });
  const there = [
    'verbatim_projection_lag_records',
    'verbatim_projection_parked_streams',
    'verbatim_rebuild_done_records',
    'verbatim_rebuild_records',
  ];
  for (const name of there) {
    for (const view of ['core', 'obligations'])
      expect(text).toMatch(new RegExp(`^${name}\\{view="${view}".*\\} \\d+$`, 'm'));
  }
  for (const name of ['verbatim_slow_consumers_total', 'verbatim_faults_total', 'verbatim_log_append_failures_total']) {
    expect(text).toMatch(new RegExp(`^${name} 0$`, 'm'));
  }

  const secrets = [SECRET, person.authorization.slice(7), person.user, conversation, message, reply, 'metered'];
  for (const secret of secrets) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);

  await expect
    .poll(async () => sum(await scrape(), 'verbatim_snapshot_flush_duration_seconds_count'))
    .toBeGreaterThan(0);
  await client.dispose();
  await expect.poll(async () => sum(await scrape(), 'verbatim_subscriptions')).toBe(0);
  await expect.poll(async () => sum(await scrape(), 'verbatim_sockets')).toBe(0);
});
