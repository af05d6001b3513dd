import type { Draft } from '../../commands/client/client.js';
import { positionToken } from '../../commands/client/position.js';
import { contentOf, personKey } from '../../domain/content.js';
import type { MemberRole } from '../../domain/conversation.js';
import { ASSISTANT, SYSTEM } from '../../domain/decider.js';
import {
  type Uuid,
  bucketOf,
  bucketOfStream,
  membershipStream,
  partitionOf,
  streamOf,
  timedId,
} from '../../domain/ids.js';
import { type Harness, random, startConversation } from '../testing.js';

// People and conversations for tests of reads. What people do is sent as commands, and shown by the view when it returns.

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** The UUID in a node id. */
export const bare = (id: string): Uuid => id.slice(id.indexOf('_') + 1);

/** Four people, each at a home of their own. */
export function fourPeople({ userOf }: Pick<Harness, 'userOf'>): readonly [string, string, string, string] {
  const of = (home: number): string => {
    for (let n = 0; ; n++) {
      if (partitionOf(bucketOf(userOf(`person ${n}`)), 4) === home) return `person ${n}`;
    }
  };
  return [of(0), of(1), of(2), of(3)];
}

/** Does it, and returns the token of the position from which on it shows. */
export async function act(harness: Harness, draft: Without<Draft, 'id'>): Promise<string> {
  const id = timedId(Date.now(), random(16), bucketOfStream(draft.stream));
  const sent = await harness.client.send({ ...draft, id });
  if (sent.status !== 'accepted') throw new Error(`${draft.type} was not accepted: ${JSON.stringify(sent)}`);
  if (!(await harness.core.reached(sent.position, 10_000))) throw new Error(`${draft.type} does not show`);
  return positionToken(harness.log.id, [sent.position]);
}

/** A conversation of somebody, whose reply has ended. All ids are node ids. */
export type Scene = {
  readonly owner: string;
  readonly conversation: string;
  readonly message: string;
  readonly reply: string;
};

export async function makeScene(harness: Harness, owner: string, text = 'Hello'): Promise<Scene> {
  const { input } = await startConversation(harness, owner, text);
  const { conversation, message, reply } = input;
  await complete(harness, owner, conversation, reply, `About ${text}`);
  return { owner, conversation, message, reply };
}

export const part = (message: Uuid, plain: string) => ({
  type: 'text' as const,
  text: { plain, content: contentOf.part(message, 0) },
  chars: plain.length,
});

/** Ends a reply as the assistant does. */
export async function complete(harness: Harness, owner: string, conversation: string, reply: string, text: string) {
  const id = bare(reply);
  const of = {
    actor: ASSISTANT,
    stream: streamOf('conversation', bare(conversation)),
    key: personKey(harness.userOf(owner)),
  };
  const attempt = { attempt: 1, executor: id, endpoint: 'test', model: 'a model' };
  await act(harness, { ...of, type: 'ClaimReply', data: { reply: id, ...attempt } });
  const end = { reply: id, attempt: 1, parts: [part(id, text)], latencyMs: 5, firstTokenMs: 1 };
  return act(harness, { ...of, type: 'CompleteReply', data: { ...end, tokens: 7, finish: 'stop' } });
}

/** Posts below a message, and ends the reply to it. Node ids. */
export async function post(
  harness: Harness,
  subject: string,
  { owner, conversation }: Pick<Scene, 'owner' | 'conversation'>,
  parent: string,
  text = 'more',
) {
  const [message, reply] = [harness.newId(owner), harness.newId(owner)];
  const user = harness.userOf(subject);
  await act(harness, {
    actor: user,
    stream: streamOf('conversation', bare(conversation)),
    key: personKey(user),
    type: 'PostMessage',
    data: { message, reply, parent: bare(parent), parts: [part(message, text)], fork: true },
  });
  await complete(harness, subject, conversation, `message_${reply}`, `About ${text}`);
  return { message: `message_${message}`, reply: `message_${reply}` };
}

/** Takes somebody into a conversation, and tells their home, as a reactor does. */
export async function join(harness: Harness, { owner, conversation }: Scene, subject: string, role: MemberRole) {
  const [by, user, id] = [harness.userOf(owner), harness.userOf(subject), bare(conversation)];
  const position = await act(harness, {
    actor: by,
    stream: streamOf('conversation', id),
    type: 'AddMember',
    data: { user, role },
  });
  await act(harness, {
    actor: SYSTEM,
    stream: membershipStream(id, user),
    type: 'JoinConversation',
    data: { conversation: id, user, role, by, source: (await harness.core.conversation(id))?.version ?? 0 },
  });
  return position;
}

/** Takes somebody out again. Their home is not told yet. */
export const remove = (harness: Harness, { owner, conversation }: Scene, subject: string): Promise<string> =>
  act(harness, {
    actor: harness.userOf(owner),
    stream: streamOf('conversation', bare(conversation)),
    type: 'RemoveMember',
    data: { user: harness.userOf(subject) },
  });

/** What a person does to their own relation to a conversation. */
export const relate = (
  harness: Harness,
  subject: string,
  conversation: string,
  what: Extract<
    Without<Draft, 'id' | 'actor' | 'stream'>,
    {
      type:
        | 'MarkRead'
        | 'PinConversation'
        | 'ArchiveConversation'
        | 'TagConversation'
        | 'ChooseBranch'
        | 'HideConversation';
    }
  >,
): Promise<string> =>
  act(harness, {
    ...what,
    actor: harness.userOf(subject),
    stream: membershipStream(bare(conversation), harness.userOf(subject)),
  });
