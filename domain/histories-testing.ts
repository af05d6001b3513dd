import fc from 'fast-check';
import { contentOf, conversationKey, personKey } from './content.js';
import type { ConversationCommand } from './conversation.js';
import { ASSISTANT, type Asked, SYSTEM } from './decider.js';
import { derivedId } from './ids.js';
import { clientId, sealedText } from './testing.js';

// Arbitrary histories of one conversation: few ids, so that commands meet each other; and all kinds of actors, for all
// kinds of commands.

const person = (name: string) => derivedId(clientId(1), name, 0x123);
/** Ada starts it, Bob and Cyd come and go, Dan is a stranger for ever. */
export const [ada, bob, cyd, dan] = [person('ada'), person('bob'), person('cyd'), person('dan')];
export const id = clientId(10);
const secret = conversationKey(id);
const messages = [11, 12, 13, 14, 15, 16].map((n) => clientId(n));
const replies = [21, 22, 23, 24, 25, 26].map((n) => clientId(n));
const copies = [31, 32, 33].map((n) => clientId(n));
const [[m1 = '', m2 = ''], [r1 = '', r2 = '']] = [messages, replies];

const message = fc.constantFrom(...messages, clientId(41, 0x124));
const reply = fc.constantFrom(...replies, m1);
const parent = fc.constantFrom(null, ...messages, ...replies, ...copies, clientId(99));
const attempt = fc.constantFrom(1, 1, 1, 2, 2, 3, 0);
const count = fc.constantFrom(0, 1, 1, 50, 50, 60_000);
const user = fc.constantFrom(bob, bob, cyd, ada, 'nobody');
const role = fc.constantFrom('owner' as const, 'writer' as const, 'reader' as const);
const claim = {
  attempt,
  executor: fc.constantFrom(clientId(41), clientId(42)),
  endpoint: fc.constant('built-in'),
  model: fc.constant('echo'),
};

/** Parts in the place of a message, under a key that fits more often than not. */
const partsIn = (place: string, key: string) =>
  fc
    .array(
      fc
        .tuple(count, fc.constantFrom(...Array<string>(9).fill(key), personKey(cyd)))
        .map(([chars, under]) => ({ under, chars })),
      { maxLength: 2 },
    )
    .map((texts) =>
      texts.map(({ under, chars }, n) => ({
        type: 'text' as const,
        text: sealedText(under, contentOf.part(place, n)),
        chars,
      })),
    );

/** What somebody may ask, sealed under this key. */
const dataOf = (who: string, key: string): { [C in ConversationCommand as C['type']]: fc.Arbitrary<C['data']> } => {
  const posted = message.chain((own) => fc.record({ message: fc.constant(own), reply, parts: partsIn(own, key) }));
  const title = fc.nat(3).map((n) => sealedText(key, contentOf.title(id), n));
  const titled = { title, chars: fc.constantFrom(0, 1, 50, 50, 50) };
  const said = reply.chain((own) =>
    fc.record({ reply: fc.constant(own), attempt, parts: partsIn(own, key), latencyMs: fc.nat() }),
  );
  const copied = fc.tuple(
    fc.constantFrom(...copies),
    fc.constantFrom(null, null, ...copies),
    fc.constantFrom(null, ada),
  );
  const nothing = fc.constant({});
  return {
    StartConversation: fc
      .tuple(posted, fc.record(titled))
      .map(([first, named]) => ({ ...first, ...named, expires: null })),
    ForkConversation: fc.record({
      ...titled,
      origin: fc.constant({ conversation: clientId(5), message: clientId(6) }),
    }),
    PostMessage: fc
      .tuple(posted, fc.record({ parent, fork: fc.boolean() }))
      .map(([first, place]) => ({ ...first, ...place })),
    CopyMessages: fc.array(copied, { maxLength: 3 }).map((chosen) => ({
      messages: chosen.map(([own, below, author]) => ({ message: own, parent: below, author, parts: [], source: own })),
    })),
    RequestReply: fc.record({ reply, parent: message }),
    StopReply: fc.record({ reply }),
    GiveFeedback: reply.chain((on) =>
      fc.constantFrom('up' as const, 'down' as const, 'none' as const).chain((value) =>
        fc.constantFrom(null, sealedText(key, contentOf.feedback(on, who))).map((comment) => ({
          message: on,
          value,
          comment,
          chars: comment ? 5 : 0,
        })),
      ),
    ),
    RenameConversation: fc.record(titled),
    DeleteConversation: nothing,
    RestoreConversation: nothing,
    ShareConversation: fc.record({ share: fc.constantFrom(clientId(51), clientId(52)), leaf: fc.constantFrom(m1, r1) }),
    UnshareConversation: fc.record({ share: fc.constantFrom(clientId(51), clientId(52)) }),
    AddMember: fc.record({ user, role }),
    ChangeRole: fc.record({ user, role }),
    RemoveMember: fc.record({ user }),
    ClaimReply: fc.record({ reply, ...claim }),
    CompleteReply: said.map((end) => ({ ...end, firstTokenMs: 5, tokens: 9, finish: 'stop' })),
    FailReply: said.map((end) => ({ ...end, code: 'RESPONDER_FAILED' })),
    EndStoppedReply: said,
    ClaimTitle: fc.record(claim),
    SetTitle: fc.record({ attempt, ...titled }),
    FailTitle: fc.record({ attempt, code: fc.constant('RESPONDER_FAILED') }),
    EraseMember: fc.record({ user }),
    TellMembership: fc.record({ user, version: fc.constantFrom(...Array.from({ length: 20 }, (_, n) => n)) }),
    ExpireConversation: nothing,
    PurgeConversation: nothing,
  };
};

type Wish = ConversationCommand['type'];
const often: Partial<Record<Wish, number>> = {
  PostMessage: 12,
  StopReply: 3,
  AddMember: 4,
  CopyMessages: 4,
  RestoreConversation: 4,
  CompleteReply: 4,
  TellMembership: 8,
  PurgeConversation: 6,
};
const seldom: ReadonlySet<Wish> = new Set([
  'StartConversation',
  'ForkConversation',
  'DeleteConversation',
  'ExpireConversation',
  'EraseMember',
]);
const assistants: ReadonlySet<Wish> = new Set([
  'ClaimReply',
  'CompleteReply',
  'FailReply',
  'EndStoppedReply',
  'ClaimTitle',
  'SetTitle',
  'FailTitle',
]);
const house: ReadonlySet<Wish> = new Set(['EraseMember', 'TellMembership', 'ExpireConversation', 'PurgeConversation']);

/** Commands of somebody: mostly those that are theirs to ask. */
function commandsOf(who: string, key: string): fc.Arbitrary<Asked<ConversationCommand>> {
  const data = dataOf(who, key);
  const theirs = (type: Wish): boolean =>
    who === ASSISTANT
      ? assistants.has(type)
      : who === SYSTEM
        ? house.has(type)
        : !assistants.has(type) && !house.has(type);
  const asked = <T extends Wish>(type: T) => ({
    weight: theirs(type) ? (often[type] ?? (seldom.has(type) ? 1 : 2)) * 10 : 1,
    arbitrary: fc.record({ type: fc.constant(type), data: data[type], actor: fc.constant(who), id: fc.constant(id) }),
  });
  return fc.oneof(
    asked('StartConversation'),
    asked('ForkConversation'),
    asked('PostMessage'),
    asked('CopyMessages'),
    asked('RequestReply'),
    asked('StopReply'),
    asked('GiveFeedback'),
    asked('RenameConversation'),
    asked('DeleteConversation'),
    asked('RestoreConversation'),
    asked('ShareConversation'),
    asked('UnshareConversation'),
    asked('AddMember'),
    asked('ChangeRole'),
    asked('RemoveMember'),
    asked('ClaimReply'),
    asked('CompleteReply'),
    asked('FailReply'),
    asked('EndStoppedReply'),
    asked('ClaimTitle'),
    asked('SetTitle'),
    asked('FailTitle'),
    asked('EraseMember'),
    asked('TellMembership'),
    asked('ExpireConversation'),
    asked('PurgeConversation'),
  );
}

const text = (key: string, place: string) => [
  { type: 'text' as const, text: sealedText(key, contentOf.part(place, 0)), chars: 5 },
];
const named = (key: string) => ({ title: sealedText(key, contentOf.title(id)), chars: 5 });
const begin = (key: string, expires: string | null): Asked<ConversationCommand> => ({
  type: 'StartConversation',
  data: { message: m1, reply: r1, parts: text(key, m1), ...named(key), expires },
  actor: ada,
  id,
});
const fork: Asked<ConversationCommand> = {
  type: 'ForkConversation',
  data: { ...named(personKey(ada)), origin: { conversation: clientId(5), message: clientId(6) } },
  actor: ada,
  id,
};

const answer = (own: string): readonly Asked<ConversationCommand>[] => {
  const attempted = { reply: own, attempt: 1 };
  const by = { executor: clientId(41), endpoint: 'built-in', model: 'echo' };
  const end = { parts: [], latencyMs: 9, firstTokenMs: 5, tokens: 0, finish: 'stop' as const };
  return [
    { type: 'ClaimReply', data: { ...attempted, ...by }, actor: ASSISTANT, id },
    { type: 'CompleteReply', data: { ...attempted, ...end }, actor: ASSISTANT, id },
  ];
};

/** Two questions and their answers, and Bob joins: what most of the rest needs. */
const goOn: readonly Asked<ConversationCommand>[] = [
  ...answer(r1),
  {
    type: 'PostMessage',
    data: { message: m2, reply: r2, parent: r1, parts: text(personKey(ada), m2), fork: false },
    actor: ada,
    id,
  },
  ...answer(r2),
  { type: 'AddMember', data: { user: bob, role: 'writer' }, actor: ada, id },
];

const end: readonly Asked<ConversationCommand>[] = [
  { type: 'ExpireConversation', data: {}, actor: SYSTEM, id },
  { type: 'PurgeConversation', data: {}, actor: SYSTEM, id },
];

/** What follows a beginning, sealed under each person's own key, or all of it under one. */
const wishes = (one?: string): fc.Arbitrary<readonly Asked<ConversationCommand>[]> => {
  const of = (who: string) => commandsOf(who, one ?? personKey(who));
  const assistant = fc.oneof(...[ada, bob].map((asker) => commandsOf(ASSISTANT, one ?? personKey(asker))));
  const command = fc.oneof(
    { weight: 8, arbitrary: of(ada) },
    { weight: 3, arbitrary: of(bob) },
    { weight: 1, arbitrary: of(cyd) },
    { weight: 1, arbitrary: of(dan) },
    { weight: 8, arbitrary: assistant },
    { weight: 3, arbitrary: of(SYSTEM) },
  );
  return fc.array(command, { minLength: 20, maxLength: 60, size: 'max' });
};

/** Histories that begin well, for otherwise most would be empty. */
export const histories: fc.Arbitrary<readonly Asked<ConversationCommand>[]> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom(0, 2, 5, 5, 6, 6), wishes())
      .map(([steps, asked]) => [begin(personKey(ada), null), ...goOn.slice(0, steps), ...asked]),
  },
  { weight: 3, arbitrary: wishes().map((asked) => [fork, ...asked]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(wishes(secret), fc.boolean())
      .map(([asked, over]) => [begin(secret, '2026-02-01T00:00:00.000Z'), ...asked, ...(over ? end : [])]),
  },
);

/** Whatever somebody may ask of the conversation. */
export const wishesOf = (who: string): fc.Arbitrary<Asked<ConversationCommand>> => commandsOf(who, personKey(who));
