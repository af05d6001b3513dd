import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Recorded } from '../../domain/catalogue.js';
import { contentOf, conversationKey, personKey } from '../../domain/content.js';
import { ASSISTANT, SYSTEM } from '../../domain/decider.js';
import { nameFor, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import type { CommandClient, Sent } from '../client/client.js';
import { KeyDestroyed } from '../keys/keys.js';
import { T0, ada, nextId } from '../worker/testing.js';
import { quick } from './models/testing.js';
import type { Obligation } from './reactor.js';
import { type Bench, type Process, openBench } from './testing.js';
import type { Checkpoint, View } from './view/testing.js';

// Whatever happens to a process while it keeps an obligation, what it was to do is done once. Told for every kind alike.

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const bob = clientId(2, 0x900);
const DAY = 24 * 3600_000;

type Kind = Obligation['kind'];
type Scene = {
  readonly kind: Kind;
  /** Brings about one obligation of this kind, and none that another process must keep first. */
  readonly arrange: () => Promise<void>;
  /** Everything that comes of it, in order. */
  readonly story: readonly Recorded['type'][];
  /** How many effects it takes: commands, and keys destroyed. */
  readonly effects: number;
  /** How often a model is asked. */
  readonly asked: { readonly responder: number; readonly titler: number };
  /** The keys that are gone in the end. */
  readonly keys: () => readonly string[];
};

/** Ends a reply as the assistant would. */
async function answer({ conversation, reply }: { conversation: string; reply: string }): Promise<void> {
  const stream = streamOf('conversation', conversation);
  const common = { actor: ASSISTANT, stream };
  const claim = { reply, attempt: 1, executor: clientId(999), endpoint: 'test', model: 'test' };
  await bench.send({ ...common, id: nameFor(stream, reply, 'claim:1'), type: 'ClaimReply', data: claim });
  const end = { reply, attempt: 1, parts: [], latencyMs: 1, firstTokenMs: 1, tokens: 0, finish: 'stop' } as const;
  await bench.send({ ...common, id: nameFor(stream, reply, 'end:1'), type: 'CompleteReply', data: end });
  await bench.seen('ReplyCompleted', reply);
}

/** Registers a person. */
const register = (person: string): Promise<void> =>
  bench.send({
    id: nextId(person),
    actor: person,
    stream: streamOf('user', person),
    key: personKey(person),
    type: 'RegisterUser',
    data: { name: { plain: 'A name', content: contentOf.name(person) }, chars: 6 },
  });

const letIn = (conversation: string, owner: string, user: string): Promise<void> =>
  bench.send({
    id: nextId(conversation),
    actor: owner,
    stream: streamOf('conversation', conversation),
    type: 'AddMember',
    data: { user, role: 'writer' },
  });

/** The temporary conversation of the scene. */
let expiring = '';

const scenes: readonly Scene[] = [
  {
    kind: 'reply',
    arrange: async () => {
      await bench.ask();
    },
    story: ['ReplyStarted', 'ReplyCompleted'],
    effects: 2,
    asked: { responder: 1, titler: 0 },
    keys: () => [],
  },
  {
    kind: 'title',
    arrange: async () => answer(await bench.ask()),
    story: ['TitleStarted', 'ConversationRenamed'],
    effects: 2,
    asked: { responder: 0, titler: 1 },
    keys: () => [],
  },
  {
    kind: 'membership',
    arrange: async () => {
      const { conversation } = await bench.ask();
      await letIn(conversation, ada, bob);
      await bench.seen('MemberAdded');
    },
    story: ['MembershipJoined', 'MembershipTold'],
    effects: 2,
    asked: { responder: 0, titler: 0 },
    keys: () => [],
  },
  {
    kind: 'expiry',
    arrange: async () => {
      const { conversation } = await bench.ask(new Date(T0 + DAY).toISOString());
      expiring = conversation;
      bench.clock.now = T0 + DAY;
    },
    story: ['ConversationExpired', 'ConversationPurged'],
    effects: 3,
    asked: { responder: 0, titler: 0 },
    keys: () => [conversationKey(expiring)],
  },
  {
    kind: 'erasure',
    arrange: async () => {
      await register(ada);
      await bench.ask();
      expiring = (await bench.ask(new Date(T0 + DAY).toISOString())).conversation;
      const { conversation } = await bench.ask(null, bob);
      await letIn(conversation, bob, ada);
      const joining = await bench.start(quick().responder, 9, { kinds: ['membership'] });
      await bench.seen('MembershipTold');
      await joining.stop();
      await bench.send({
        id: nextId(),
        actor: ada,
        stream: streamOf('user', ada),
        type: 'EraseUser',
        data: { by: ada },
      });
      await bench.seen('UserErased');
    },
    story: [
      'MemberErased',
      'ConversationDeleted',
      'MemberErased',
      'ConversationDeleted',
      'MemberErased',
      'ErasureCompleted',
    ],
    // The person's key, the temporary conversation's key, three members, the end.
    effects: 6,
    asked: { responder: 0, titler: 0 },
    keys: () => [personKey(ada), conversationKey(expiring)],
  },
];

/** What became of everything that was asked by no person, from an event on. */
const toldSince = (before: number): readonly string[] =>
  bench.events
    .slice(before)
    .filter(({ actor }) => actor === ASSISTANT || actor === SYSTEM)
    .map(({ type }) => type)
    .toSorted();

/** A process over a view of its own, whose effects are counted; after so many of them it dies. */
async function start(kind: Kind, name: number, checkpoint?: Checkpoint, lives = Infinity) {
  const view = bench.view(checkpoint);
  const { asked, responder, titler } = quick();
  const dead = new AbortController();
  let effects = 0;
  /** Something lands, and the process dies before it hears of it. What it does from then on comes to nothing. */
  const effect = async (act: () => Promise<void>): Promise<void> => {
    if (dead.signal.aborted) return;
    const last = ++effects >= lives;
    await act();
    if (!last) return;
    dead.abort();
    bench.bury(name);
  };
  const client: CommandClient = {
    send: async (draft) => {
      let sent: Sent | undefined;
      await effect(async () => {
        sent = await bench.client.send(draft);
      });
      return sent && !dead.signal.aborted ? sent : { status: 'pending', command: draft.id };
    },
  };
  const more: Partial<Process> = {
    kinds: [kind],
    obligations: view.obligations,
    relations: view.relations,
    titler,
    client,
    destroyKey: (key) => effect(() => bench.destroyKey(key)),
  };
  const executor = await bench.start(responder, name, more);
  return { view, asked, executor, effects: () => effects, dead: dead.signal };
}

/** Resolves when a view holds nothing of a kind open any more, however long that takes by its clock. */
async function kept(view: View, kind: Kind): Promise<void> {
  await expect
    .poll(() => {
      // Not so long that a model would be given up.
      bench.passTime(10_000);
      return view.owed().filter((owed) => owed.kind === kind);
    })
    .toEqual([]);
}

/** Why keys cannot be had. */
const faultsOf = (keys: readonly string[]): Promise<readonly unknown[]> =>
  Promise.all(
    keys.map((key) =>
      bench.keys.ensure(key).then(
        () => 'it is there',
        (error: unknown) => (error instanceof KeyDestroyed ? error.code : error),
      ),
    ),
  );

describe.each(scenes)('an obligation of the kind $kind', ({ kind, arrange, story, effects, asked, keys }) => {
  it('is kept once, and its key is gone for good where that is asked', async () => {
    await arrange();
    const before = bench.events.length;
    const process = await start(kind, 1);
    await kept(process.view, kind);
    await bench.quiet();
    expect(toldSince(before)).toEqual(story.toSorted());
    expect(process.effects()).toBe(effects);
    expect(process.asked).toEqual(asked);
    expect(bench.failures).toEqual([]);
    expect(await faultsOf(keys())).toEqual(keys().map(() => 'KEY_DESTROYED'));
  });

  it.each([
    ['from before its end, after a crash before the checkpoint', true],
    ['lost, so that the view is built from the start of the log', false],
  ])('is not kept again where the checkpoint is %s', async (_, stale) => {
    await arrange();
    const before = bench.events.length;
    const early = bench.view();
    await early.obligations.watch(() => undefined);
    const checkpoint = early.checkpoint();
    expect(early.owed().map((owed) => owed.kind)).toContain(kind);
    const first = await start(kind, 1);
    await kept(first.view, kind);
    await first.executor.stop();

    const second = await start(kind, 2, stale ? checkpoint : undefined);
    await bench.quiet();
    expect(second.effects()).toBe(0);
    expect(second.asked).toEqual({ responder: 0, titler: 0 });
    expect(toldSince(before)).toEqual(story.toSorted());
  });

  it('is kept once by two processes at once, of which one asks the model', async () => {
    await arrange();
    const before = bench.events.length;
    const both = await Promise.all([start(kind, 1), start(kind, 2)]);
    await Promise.all(both.map(({ view }) => kept(view, kind)));
    await bench.quiet();
    expect(toldSince(before)).toEqual(story.toSorted());
    const [one, two] = both;
    expect(one.asked.responder + two.asked.responder).toBe(asked.responder);
    expect(one.asked.titler + two.asked.titler).toBe(asked.titler);
    expect(bench.failures).toEqual([]);
  });

  it.each(Array.from({ length: effects }, (_, step) => step + 1))(
    'goes on where a process died after effect %i of it',
    async (step) => {
      await arrange();
      const before = bench.events.length;
      const first = await start(kind, 1, undefined, step);
      await expect.poll(() => first.dead.aborted).toBe(true);
      await bench.quiet();
      const second = await start(kind, 2);
      await kept(second.view, kind);
      await bench.quiet();
      // An attempt that nobody ended is followed by another one: its beginning is told twice, its end once.
      const begun = story.filter((type) => /^(Reply|Title)Started$/.test(type) && step === 1);
      expect(toldSince(before)).toEqual([...story, ...begun].toSorted());
      expect(bench.failures).toEqual([]);
      expect(await faultsOf(keys())).toEqual(keys().map(() => 'KEY_DESTROYED'));
    },
  );
});
