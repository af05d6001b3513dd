import { expect } from 'vitest';
import type { Answer } from '../../commands/command.js';
import type { Draft } from '../../commands/client/client.js';
import type { MemberRole } from '../../domain/conversation.js';
import { contentOf, personKey } from '../../domain/content.js';
import { ASSISTANT } from '../../domain/decider.js';
import { type Uuid, streamOf } from '../../domain/ids.js';
import type { Harness } from '../testing.js';

/** A generator from a seed (mulberry32), so that a failure comes again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a run: SEED, or a new one. */
export const seedOfRun = (): number => Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** What becomes of a notice on its way over a bad bus. */
export type Fate = 'pass' | 'lose' | 'double' | 'late';

/** Tells a notice as its fate will have it. */
export function tellAs(fate: Fate, tell: () => void): void {
  if (fate === 'late') setTimeout(tell, 15);
  else if (fate !== 'lose') tell();
  if (fate === 'double') tell();
}

/** What a source delivers, in order, as fast as `pace` lets it. */
export function drain<T>(source: AsyncGenerator<T>, pace?: () => Promise<unknown>) {
  const got: T[] = [];
  const over = (async () => {
    for await (const delivery of source) {
      got.push(delivery);
      await pace?.();
    }
  })();
  return { got, over, close: async () => void (await source.return(undefined)) };
}

type Taken = Extract<Answer, { status: 'accepted' }>;
export type Room = Awaited<ReturnType<typeof openRoom>>;

/**
 * A conversation of `owner` and others, which the view shows, and what they do in it: by commands, each of which must be
 * accepted.
 */
export async function openRoom(harness: Harness, owner: string, members: Readonly<Record<string, MemberRole>> = {}) {
  const newId = (): Uuid => harness.newId(owner);
  const [id, first, reply] = [newId(), newId(), newId()];
  const stream = streamOf('conversation', id);

  const send = async (draft: Draft): Promise<Taken> => {
    const sent = await harness.client.send(draft);
    if (sent.status !== 'accepted') throw new Error(`${draft.type}: ${JSON.stringify(sent)}`);
    return sent;
  };
  const by = (subject: string) => {
    const actor = harness.userOf(subject);
    return { id: newId(), actor, key: personKey(actor), stream };
  };
  const says = (message: Uuid, text: string) => [
    { type: 'text' as const, text: { plain: text, content: contentOf.part(message, 0) }, chars: text.length },
  ];

  const room = {
    id,
    first,
    /** The reply to the first message. */
    reply,
    start: () =>
      send({
        ...by(owner),
        type: 'StartConversation',
        data: {
          message: first,
          reply,
          parts: says(first, 'Hello'),
          title: { plain: 'Hello', content: contentOf.title(id) },
          chars: 5,
          expires: null,
        },
      }),
    /** Posts beside the first message's reply, so that no two posts are in each other's way. */
    post: async (subject: string, text = 'More') => {
      const [message, answer] = [newId(), newId()];
      const data = { message, reply: answer, parts: says(message, text), parent: first, fork: true };
      return { message, reply: answer, ...(await send({ ...by(subject), type: 'PostMessage', data })) };
    },
    rename: (subject: string, title: string) =>
      send({
        ...by(subject),
        type: 'RenameConversation',
        data: { title: { plain: title, content: contentOf.title(id) }, chars: title.length },
      }),
    add: (subject: string, role: MemberRole = 'writer') =>
      send({ ...by(owner), type: 'AddMember', data: { user: harness.userOf(subject), role } }),
    remove: (subject: string) => send({ ...by(owner), type: 'RemoveMember', data: { user: harness.userOf(subject) } }),
    delete: () => send({ ...by(owner), type: 'DeleteConversation', data: {} }),
    claim: (answer: Uuid = reply, attempt = 1) =>
      send({
        ...by(owner),
        actor: ASSISTANT,
        type: 'ClaimReply',
        data: { reply: answer, attempt, executor: newId(), endpoint: 'built-in', model: 'echo' },
      }),
    complete: (text: string, answer: Uuid = reply, attempt = 1) =>
      send({
        ...by(owner),
        actor: ASSISTANT,
        type: 'CompleteReply',
        data: {
          reply: answer,
          attempt,
          parts: says(answer, text),
          latencyMs: 1,
          firstTokenMs: 1,
          tokens: 1,
          finish: 'stop',
        },
      }),
  };
  let last = await room.start();
  for (const [subject, role] of Object.entries(members)) last = await room.add(subject, role);
  await shown(harness, last);
  return room;
}

/** Waits until the view shows what a command did. */
export async function shown(harness: Harness, { position }: Taken): Promise<void> {
  if (!(await harness.core.reached(position, 10_000))) throw new Error('the view does not show it within 10 s');
}

/** That nothing failed behind the scenes, and that nobody is attached any more. Sockets say late that they are closed. */
export async function expectClean(harness: Harness): Promise<void> {
  expect(harness.failures).toEqual([]);
  await expect.poll(() => harness.attached(), { timeout: 10_000, interval: 10 }).toBe(0);
}
