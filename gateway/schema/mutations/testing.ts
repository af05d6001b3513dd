import { contentOf, personKey } from '../../../domain/content.js';
import { ASSISTANT } from '../../../domain/decider.js';
import type { Envelope } from '../../../domain/event.js';
import { type Uuid, nameFor, streamOf } from '../../../domain/ids.js';
import { type Answer, type Harness, startConversation } from '../../testing.js';

/** What came of a mutation, or what kept it from being a command. */
export type Result = {
  readonly __typename?: 'Accepted' | 'Conflict' | 'Rejected' | 'Pending';
  readonly code?: string;
  readonly message?: string;
  readonly position?: string;
  readonly commandId?: string;
  readonly errors?: Answer['errors'];
};

const OUTCOME = `{ __typename ... on Accepted { position } ... on CommandError { code message } ... on Pending { commandId } }`;

const capital = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);

/** Sends a mutation as somebody. */
export async function tell(harness: Harness, subject: string, field: string, input: object): Promise<Result> {
  const query = `mutation ($input: ${capital(field)}Input!) { out: ${field}(input: $input) ${OUTCOME} }`;
  const { data, errors } = await harness.ask(subject, query, { input });
  if (errors) return { errors };
  if (typeof data === 'object' && data !== null && 'out' in data && typeof data.out === 'object')
    return { ...data.out };
  throw new Error(`${field} answers ${JSON.stringify(data)}`);
}

/** Sends a mutation that must be accepted, and waits until the view shows it. */
export async function doIt(harness: Harness, subject: string, field: string, input: object): Promise<void> {
  const { position, ...rest } = await tell(harness, subject, field, input);
  if (position === undefined) throw new Error(`${field} was not accepted: ${JSON.stringify(rest)}`);
  await harness.ask(subject, 'query ($after: Position) { conversation(id: "", after: $after) { id } }', {
    after: position,
  });
}

/**
 * A conversation of somebody, with one message and its reply, which has ended, and ids for what is not there yet. All are
 * node ids but that of the share.
 */
export type World = {
  readonly owner: string;
  readonly conversation: string;
  readonly message: string;
  readonly reply: string;
  readonly spare: string;
  readonly share: string;
};

/** The UUID in a node id. */
export const bare = (id: string): string => id.slice(id.indexOf('_') + 1);

export async function makeWorld(harness: Harness, owner: string, text = 'Hello'): Promise<World> {
  const { input } = await startConversation(harness, owner, text);
  const { conversation, message, reply } = input;
  const position = await answer(harness, owner, bare(conversation), bare(reply), `An answer to ${text}`);
  await harness.core.reached(position, 10_000);
  const share = harness.newId(owner);
  return { owner, conversation, message, reply, spare: `message_${harness.newId(owner)}`, share };
}

export const textPart = (message: Uuid, plain: string) => ({
  type: 'text' as const,
  text: { plain, content: contentOf.part(message, 0) },
  chars: plain.length,
});

/** Ends a reply as the assistant does. */
export async function answer(harness: Harness, by: string, conversation: Uuid, reply: Uuid, text: string) {
  const stream = streamOf('conversation', conversation);
  const of = { actor: ASSISTANT, stream };
  const who = { attempt: 1, executor: reply, endpoint: 'test', model: 'test' };
  await harness.client.send({
    ...of,
    id: nameFor(stream, reply, 'claim'),
    type: 'ClaimReply',
    data: { reply, ...who },
  });
  const sent = await harness.client.send({
    ...of,
    id: nameFor(stream, reply, 'end'),
    type: 'CompleteReply',
    key: personKey(harness.userOf(by)),
    data: {
      ...{ reply, attempt: 1, parts: [textPart(reply, text)] },
      ...{ latencyMs: 2, firstTokenMs: 1, tokens: 3, finish: 'stop' },
    },
  });
  if (sent.status !== 'accepted') throw new Error(`the reply did not end: ${JSON.stringify(sent)}`);
  return sent.position;
}

/** Takes people, who sign in for it, into a conversation. */
export async function addMembers(
  harness: Harness,
  { owner, conversation }: World,
  members: Readonly<Record<string, 'OWNER' | 'WRITER' | 'READER'>>,
): Promise<void> {
  for (const [person, role] of Object.entries(members)) {
    await harness.ask(person, '{ viewer { user { id } } }');
    const user = `user_${harness.userOf(person)}`;
    await doIt(harness, owner, 'memberAdd', { commandId: harness.newId(owner), conversation, user, role });
  }
}

/** Everything that is in the log. */
export async function eventsOf({ log }: Harness): Promise<readonly Envelope[]> {
  const events: Envelope[] = [];
  for (let partition = 0; partition < log.partitions; partition++) {
    for await (const { records } of log.read(partition)) {
      events.push(...records.flatMap(({ entry }) => (entry.kind === 'event' ? [entry.event] : [])));
    }
  }
  return events;
}
