import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentOf, personKey } from './content.js';
import { type ConversationCommand, type ConversationEvent, conversation } from './conversation.js';
import { ASSISTANT, type Asked, SYSTEM } from './decider.js';
import { derivedId } from './ids.js';
import { clientId, run, sealedText } from './testing.js';

// Few ids, so that commands meet each other; and all kinds of actors, for all kinds of commands.

const ada = derivedId(clientId(1), 'ada', 0x123);
const bob = derivedId(clientId(1), 'bob', 0x123);
const id = clientId(10);
const messages = [11, 12, 13, 14].map((n) => clientId(n));
const replies = [21, 22, 23].map((n) => clientId(n));

type Asking = Extract<
  ConversationCommand,
  {
    type:
      | 'StartConversation'
      | 'PostMessage'
      | 'RenameConversation'
      | 'DeleteConversation'
      | 'StopReply'
      | 'ClaimReply'
      | 'CompleteReply'
      | 'FailReply'
      | 'EndStoppedReply';
  }
>;
const message = fc.constantFrom(...messages, clientId(31, 0x124));
const reply = fc.constantFrom(...replies, clientId(11));
const parent = fc.constantFrom(null, ...messages, ...replies, clientId(99));
const attempt = fc.constantFrom(1, 1, 1, 2, 2, 3, 0);
const chars = fc.constantFrom(0, 1, 50, 60_000);
const parts = fc.array(
  chars.map((count) => ({ type: 'text' as const, text: sealedText(personKey(ada), 'x'), chars: count })),
  { minLength: 0, maxLength: 2 },
);
const title = fc.nat(3).map((n) => sealedText(personKey(ada), contentOf.title(id), n));
const end = { reply, attempt, parts, latencyMs: fc.nat() };

const data: { [C in Asking as C['type']]: fc.Arbitrary<C['data']> } = {
  StartConversation: fc.record({ message, reply, parts, title, chars, expires: fc.constant(null) }),
  PostMessage: fc.record({ message, reply, parts, parent, fork: fc.boolean() }),
  RenameConversation: fc.record({ title, chars }),
  DeleteConversation: fc.constant({}),
  StopReply: fc.record({ reply }),
  ClaimReply: fc.record({
    reply,
    attempt,
    executor: fc.constantFrom(clientId(41), clientId(42)),
    endpoint: fc.constant('built-in'),
    model: fc.constant('echo'),
  }),
  CompleteReply: fc.record({
    ...end,
    firstTokenMs: fc.nat(),
    tokens: fc.nat(),
    finish: fc.constantFrom('stop' as const, 'length' as const),
  }),
  FailReply: fc.record({ ...end, code: fc.constant('RESPONDER_FAILED') }),
  EndStoppedReply: fc.record(end),
};

const actor = fc.oneof(
  { weight: 6, arbitrary: fc.constant(ada) },
  { weight: 6, arbitrary: fc.constant(ASSISTANT) },
  { weight: 1, arbitrary: fc.constantFrom(bob, SYSTEM) },
);

const asked = <T extends Asking['type']>(type: T) => fc.record({ type: fc.constant(type), data: data[type] });
const command: fc.Arbitrary<Asked<ConversationCommand>> = fc
  .tuple(
    actor,
    fc.oneof(
      asked('StartConversation'),
      { weight: 8, arbitrary: asked('PostMessage') },
      asked('DeleteConversation'),
      { weight: 2, arbitrary: asked('RenameConversation') },
      { weight: 4, arbitrary: asked('StopReply') },
      { weight: 12, arbitrary: asked('ClaimReply') },
      { weight: 4, arbitrary: asked('CompleteReply') },
      { weight: 4, arbitrary: asked('FailReply') },
      { weight: 4, arbitrary: asked('EndStoppedReply') },
    ),
  )
  .map(([who, what]) => ({ ...what, actor: who, id }));

/** A conversation that begins well, for otherwise most histories are empty. */
const history = fc.array(command, { maxLength: 60, size: 'max' }).map((commands) => [
  {
    type: 'StartConversation' as const,
    data: {
      message: clientId(11),
      reply: clientId(21),
      parts: [{ type: 'text' as const, text: sealedText(personKey(ada), 'x'), chars: 5 }],
      title: sealedText(personKey(ada), contentOf.title(id)),
      chars: 5,
      expires: null,
    },
    actor: ada,
    id,
  },
  ...commands,
]);

const of = <T extends ConversationEvent['type']>(events: readonly ConversationEvent[], ...types: readonly T[]) =>
  events.filter((event): event is Extract<ConversationEvent, { type: T }> => types.some((type) => type === event.type));

const holds = (property: (events: readonly ConversationEvent[]) => void): void =>
  fc.assert(
    fc.property(history, (commands) => property(run(conversation, commands))),
    { numRuns: 300 },
  );

describe('whatever is asked of a conversation', () => {
  it('is decided without a fault, can be folded, and changes nothing when it is asked again', () => {
    const seen = new Set<string>();
    holds((events) => {
      for (const { type } of events) seen.add(type);
    });
    // The histories reach every event, or the properties here would say little.
    expect(seen.size).toBe(10);
  });

  it('numbers its messages without gaps', () => {
    holds((events) => {
      const seqs = of(events, 'MessagePosted', 'ReplyRequested').map((event) => event.data.seq);
      expect(seqs).toEqual(seqs.map((_, at) => at + 1));
    });
  });

  it('takes every id once, and hangs every message below one that is here', () => {
    holds((events) => {
      const ids = new Set<string>();
      for (const event of of(events, 'MessagePosted', 'ReplyRequested')) {
        const own = event.type === 'MessagePosted' ? event.data.message : event.data.reply;
        expect(ids.has(own)).toBe(false);
        expect(event.data.parent === null || ids.has(event.data.parent)).toBe(true);
        ids.add(own);
      }
    });
  });

  it('asks for one reply to each message', () => {
    holds((events) => {
      const answered = of(events, 'ReplyRequested').map((event) => event.data.parent);
      expect(answered).toEqual(of(events, 'MessagePosted').map((event) => event.data.message));
    });
  });

  it('ends each reply at most once, by its running attempt, and attempts count up from 1', () => {
    holds((events) => {
      for (const { data: wanted } of of(events, 'ReplyRequested')) {
        const story = of(events, 'ReplyStarted', 'ReplyCompleted', 'ReplyFailed', 'ReplyStopped').filter(
          (event) => event.data.reply === wanted.reply,
        );
        const begun = of(story, 'ReplyStarted').map((event) => event.data.attempt);
        expect(begun).toEqual(begun.map((_, at) => at + 1));
        const ends = of(story.slice(begun.length), 'ReplyCompleted', 'ReplyFailed', 'ReplyStopped');
        expect(ends).toHaveLength(story.length - begun.length);
        expect(ends.map((event) => event.data.attempt)).toEqual(ends.length === 0 ? [] : [begun.length]);
      }
    });
  });

  it('starts once, is deleted at most once, and has nothing new from its people after that', () => {
    holds((events) => {
      expect(of(events, 'ConversationStarted')).toHaveLength(1);
      expect(events[0]?.type).toBe('ConversationStarted');
      const gone = events.findIndex(({ type }) => type === 'ConversationDeleted');
      const after = gone < 0 ? [] : events.slice(gone + 1);
      const replyOnly = of(after, 'ReplyStarted', 'ReplyCompleted', 'ReplyFailed', 'ReplyStopped');
      expect(replyOnly).toHaveLength(after.length);
    });
  });

  it('is written by its starter and answered by the assistant, by nobody else', () => {
    holds((events) => {
      for (const { data: written } of of(events, 'MessagePosted')) expect(written.author).toBe(ada);
      for (const { data: wanted } of of(events, 'ReplyRequested', 'ReplyStopRequested')) expect(wanted.by).toBe(ada);
    });
  });
});
