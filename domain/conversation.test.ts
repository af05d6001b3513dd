import { describe, expect, it } from 'vitest';
import { type Part, contentOf, limits, personKey } from './content.js';
import { type ConversationCommand, type ConversationEvent, conversation } from './conversation.js';
import { ASSISTANT, SYSTEM } from './decider.js';
import { derivedId } from './ids.js';
import { clientId, fold, given, sealedText } from './testing.js';

const ada = derivedId(clientId(1), 'ada', 0x123);
const bob = derivedId(clientId(1), 'bob', 0x123);
const id = clientId(10);
const [m1, r1, m2] = [clientId(11), clientId(12), clientId(13)];
const [r2, m3, r3] = [clientId(14), clientId(15), clientId(16)];
const executor = clientId(20);

const partOf = (message: string, chars = 5): Part => ({
  type: 'text',
  text: sealedText(personKey(ada), contentOf.part(message, 0)),
  chars,
});
const title = (n: number) => ({ title: sealedText(personKey(ada), contentOf.title(id), n), chars: 7 });
const by = <C extends ConversationCommand>(actor: string, command: C) => ({ ...command, actor, id });

const start = (more: object = {}) => ({
  type: 'StartConversation' as const,
  data: { message: m1, reply: r1, parts: [partOf(m1)], ...title(1), expires: null, ...more },
});
const post = (more: object = {}) => ({
  type: 'PostMessage' as const,
  data: { message: m2, reply: r2, parent: r1, parts: [partOf(m2)], fork: false, ...more },
});
const rename = (n: number, chars = 7) => ({ type: 'RenameConversation' as const, data: { ...title(n), chars } });
const remove = { type: 'DeleteConversation' as const, data: {} };
const stopReply = (reply = r1) => ({ type: 'StopReply' as const, data: { reply } });
const claim = (attempt: number, reply = r1) => ({
  type: 'ClaimReply' as const,
  data: { reply, attempt, executor, endpoint: 'built-in', model: 'echo' },
});
const said = (attempt: number, reply = r1) => ({ reply, attempt, parts: [partOf(reply)], latencyMs: 900 });
const end = (attempt: number, reply = r1) => ({
  complete: {
    type: 'CompleteReply' as const,
    data: { ...said(attempt, reply), firstTokenMs: 90, tokens: 9, finish: 'stop' as const },
  },
  fail: { type: 'FailReply' as const, data: { ...said(attempt, reply), code: 'RESPONDER_FAILED' } },
  stopped: { type: 'EndStoppedReply' as const, data: said(attempt, reply) },
});

const posted = (message: string, reply: string, parent: string | null, seq: number): ConversationEvent[] => [
  { type: 'MessagePosted', data: { message, parent, seq, author: ada, parts: [partOf(message)] } },
  { type: 'ReplyRequested', data: { reply, parent: message, seq: seq + 1, by: ada } },
];
const started: ConversationEvent[] = [
  { type: 'ConversationStarted', data: { starter: ada, ...title(1), expires: null, origin: null } },
  ...posted(m1, r1, null, 1),
];
const claimed = (attempt: number, reply = r1): ConversationEvent => ({
  type: 'ReplyStarted',
  data: claim(attempt, reply).data,
});
const completed = (attempt: number, reply = r1): ConversationEvent => ({
  type: 'ReplyCompleted',
  data: end(attempt, reply).complete.data,
});
const answered = [...started, claimed(1), completed(1)];
const stopAsked: ConversationEvent = { type: 'ReplyStopRequested', data: { reply: r1, by: ada } };
const deleted: ConversationEvent = { type: 'ConversationDeleted', data: { by: ada } };

const nothing = given(conversation);
const fresh = given(conversation, ...started);
const idle = given(conversation, ...answered);

describe('starting a conversation', () => {
  it('brings its first message and the request for a reply', () => {
    nothing.when(by(ada, start())).adds(...started);
  });

  it('wants a new id', () => {
    fresh.when(by(ada, start())).isRefused('ID_TAKEN');
    fresh.when(by(bob, start())).isRefused('ID_TAKEN');
    given(conversation, ...answered, deleted)
      .when(by(ada, start()))
      .isRefused('ID_TAKEN');
  });

  it('wants an id that a client could have made, at the home of who starts it', () => {
    nothing.when({ ...by(ada, start()), id: derivedId(id, 'x', 0x123) }).isRefused('INVALID');
    nothing.when({ ...by(ada, start()), id: clientId(10, 0x124) }).isRefused('WRONG_BUCKET');
    nothing.when(by(ASSISTANT, start())).isRefused('WRONG_BUCKET');
  });

  it('wants a title that is not empty and not too long', () => {
    nothing.when(by(ada, start({ chars: 0 }))).isRefused('INVALID');
    nothing.when(by(ada, start({ chars: limits.title + 1 }))).isRefused('TOO_LARGE');
  });
});

describe('a message', () => {
  // The rules for a message are the same in a new conversation and in an old one.
  const both = [
    { where: 'in a new conversation', when: (more: object) => nothing.when(by(ada, start(more))) },
    { where: 'later on', when: (more: object) => idle.when(by(ada, post(more))) },
  ];

  it.each(both)('has ids that a client could have made, $where', ({ when }) => {
    when({ message: derivedId(id, 'x', 0x123) }).isRefused('INVALID');
    when({ reply: clientId(30).toUpperCase() }).isRefused('INVALID');
    when({ message: '__proto__' }).isRefused('INVALID');
  });

  it.each(both)('has ids in the bucket of its conversation, $where', ({ when }) => {
    when({ message: clientId(30, 0x124) }).isRefused('WRONG_BUCKET');
    when({ reply: clientId(30, 0x124) }).isRefused('WRONG_BUCKET');
  });

  it.each(both)('has another id than its reply, $where', ({ when }) => {
    when({ message: m3, reply: m3 }).isRefused('INVALID');
  });

  it.each(both)('needs some text, and has at most so much, $where', ({ when }) => {
    when({ parts: [] }).isRefused('INVALID');
    when({ parts: [partOf(m2, 0)] }).isRefused('INVALID');
    when({ parts: [partOf(m2, limits.message), partOf(m2, 1)] }).isRefused('TOO_LARGE');
    when({ parts: Array.from({ length: limits.parts + 1 }, () => partOf(m2, 1)) }).isRefused('TOO_LARGE');
  });

  it('may be as long as the limit says', () => {
    const parts = [partOf(m2, limits.message)];
    idle
      .when(by(ada, post({ parts })))
      .adds(
        { type: 'MessagePosted', data: { message: m2, parent: r1, seq: 3, author: ada, parts } },
        { type: 'ReplyRequested', data: { reply: r2, parent: m2, seq: 4, by: ada } },
      );
  });

  it('follows the leaf that its writer saw', () => {
    idle.when(by(ada, post())).adds(...posted(m2, r2, r1, 3));
  });

  it('is here already when it is sent again in another command: no conflict with itself', () => {
    given(conversation, ...answered, ...posted(m2, r2, r1, 3))
      .when(by(ada, post()))
      .isRefused('ID_TAKEN');
  });

  it('has a parent in this conversation, except for siblings of the first', () => {
    idle.when(by(ada, post({ parent: clientId(40) }))).isRefused('NOT_FOUND');
    idle.when(by(ada, post({ parent: null }))).isRefused('INVALID');
    idle.when(by(ada, post({ parent: null, fork: true }))).adds(...posted(m2, r2, null, 3));
  });

  it('waits for the end of the reply that it follows, whichever that is', () => {
    fresh.when(by(ada, post())).isRefused('REPLY_RUNNING');
    given(conversation, ...started, claimed(1), stopAsked)
      .when(by(ada, post()))
      .isRefused('REPLY_RUNNING');
    for (const type of ['ReplyFailed', 'ReplyStopped'] as const) {
      const ended: ConversationEvent =
        type === 'ReplyFailed' ? { type, data: end(1).fail.data } : { type, data: said(1) };
      given(conversation, ...started, claimed(1), ended)
        .when(by(ada, post()))
        .adds(...posted(m2, r2, r1, 3));
    }
  });

  it('may follow another branch while a reply runs elsewhere', () => {
    fresh.when(by(ada, post({ parent: null, fork: true }))).adds(...posted(m2, r2, null, 3));
  });

  it('is a conflict where the branch has grown, and names the leaf of now', () => {
    const grown = given(conversation, ...answered, ...posted(m2, r2, r1, 3), claimed(1, r2), completed(1, r2));
    const late = { message: m3, reply: r3, parts: [partOf(m3)] };
    grown.when(by(ada, post(late))).isRefused('CONFLICT', { head: r2 });
    grown.when(by(ada, post({ ...late, parent: m1 }))).isRefused('CONFLICT', { head: r2 });
    grown.when(by(ada, post({ ...late, parent: r2 }))).adds(...posted(m3, r3, r2, 5));
  });

  it('becomes a sibling where that is meant', () => {
    given(conversation, ...answered, ...posted(m2, r2, r1, 3))
      .when(by(ada, post({ message: m3, reply: r3, parts: [partOf(m3)], fork: true })))
      .adds(...posted(m3, r3, r1, 5));
  });

  it('finds the leaf of a branch of ten thousand messages', () => {
    const long = Array.from({ length: 10_000 }, (_, n) => {
      const ids = [clientId(1_000 + 2 * n), clientId(1_001 + 2 * n)] as const;
      return posted(ids[0], ids[1], n === 0 ? r1 : clientId(999 + 2 * n), 3 + 2 * n);
    }).flat();
    const state = fold(conversation, [...answered, ...long]);
    expect(conversation.decide(by(ada, post()), state)).toMatchObject({ head: clientId(20_999) });
  });
});

describe('a title', () => {
  it('is changed by a person', () => {
    idle.when(by(ada, rename(2))).adds({ type: 'ConversationRenamed', data: { ...title(2), by: 'person' } });
  });

  it('is changed once by the same renaming', () => {
    const renamed: ConversationEvent = { type: 'ConversationRenamed', data: { ...title(2), by: 'person' } };
    given(conversation, ...answered, renamed)
      .when(by(ada, rename(2)))
      .changesNothing();
    given(conversation, ...answered, renamed)
      .when(by(ada, rename(3)))
      .adds({ type: 'ConversationRenamed', data: { ...title(3), by: 'person' } });
  });

  it('is not empty and not too long', () => {
    idle.when(by(ada, rename(2, 0))).isRefused('INVALID');
    idle.when(by(ada, rename(2, limits.title + 1))).isRefused('TOO_LARGE');
  });
});

describe('deleting', () => {
  const gone = given(conversation, ...answered, deleted);

  it('is done once', () => {
    idle.when(by(ada, remove)).adds(deleted);
    gone.when(by(ada, remove)).changesNothing();
  });

  it('leaves nothing for its starter to do', () => {
    for (const command of [post(), rename(2), stopReply()]) gone.when(by(ada, command)).isRefused('NOT_FOUND');
  });

  it('lets a reply that was promised come to its end', () => {
    given(conversation, ...started, deleted)
      .when(by(ASSISTANT, claim(1)))
      .adds(claimed(1));
    given(conversation, ...started, claimed(1), deleted)
      .when(by(ASSISTANT, end(1).complete))
      .adds(completed(1));
  });
});

describe('a reply', () => {
  it('is claimed by the next attempt only', () => {
    fresh.when(by(ASSISTANT, claim(1))).adds(claimed(1));
    fresh.when(by(ASSISTANT, claim(0))).isRefused('STALE');
    fresh.when(by(ASSISTANT, claim(2))).isRefused('STALE');
    given(conversation, ...started, claimed(1))
      .when(by(ASSISTANT, claim(1)))
      .isRefused('STALE');
    given(conversation, ...started, claimed(1))
      .when(by(ASSISTANT, claim(2)))
      .adds(claimed(2));
    idle.when(by(ASSISTANT, claim(2))).isRefused('STALE');
  });

  it('ends in one of three ways', () => {
    const running = given(conversation, ...started, claimed(1));
    running.when(by(ASSISTANT, end(1).complete)).adds(completed(1));
    running.when(by(ASSISTANT, end(1).fail)).adds({ type: 'ReplyFailed', data: end(1).fail.data });
    running.when(by(ASSISTANT, end(1).stopped)).adds({ type: 'ReplyStopped', data: said(1) });
  });

  it('ends once: the first end of the running attempt wins', () => {
    for (const late of Object.values(end(1))) idle.when(by(ASSISTANT, late)).changesNothing();
    const overtaken = given(conversation, ...started, claimed(1), claimed(2));
    for (const late of Object.values(end(1))) overtaken.when(by(ASSISTANT, late)).isRefused('STALE');
  });

  it('must have been asked for', () => {
    for (const command of [claim(1, r3), claim(1, m1), ...Object.values(end(1, r3))]) {
      fresh.when(by(ASSISTANT, command)).isRefused('NOT_FOUND');
      nothing.when(by(ASSISTANT, command)).isRefused('NOT_FOUND');
    }
  });

  it('is asked to stop once, and not after its end', () => {
    fresh.when(by(ada, stopReply())).adds(stopAsked);
    given(conversation, ...started, claimed(1))
      .when(by(ada, stopReply()))
      .adds(stopAsked);
    given(conversation, ...started, stopAsked)
      .when(by(ada, stopReply()))
      .changesNothing();
    idle.when(by(ada, stopReply())).changesNothing();
    fresh.when(by(ada, stopReply(r3))).isRefused('NOT_FOUND');
    fresh.when(by(ada, stopReply(m1))).isRefused('NOT_FOUND');
  });

  it('keeps its wish to stop through attempts', () => {
    given(conversation, ...started, claimed(1), stopAsked, claimed(2))
      .when(by(ada, stopReply()))
      .changesNothing();
  });
});

describe('who may do what', () => {
  const theirs = [post(), rename(2), remove, stopReply()];
  const assistants = [claim(1), ...Object.values(end(1))];

  it.each([bob, SYSTEM, ASSISTANT])('leaves what is the starter’s to the starter: not %s', (actor) => {
    for (const command of theirs) idle.when(by(actor, command)).isRefused('NOT_FOUND');
  });

  it.each([ada, bob, SYSTEM])('leaves what is the assistant’s to the assistant: not %s', (actor) => {
    for (const command of assistants) fresh.when(by(actor, command)).isRefused('NOT_FOUND');
  });

  it('answers alike for what is unknown and what is another’s', () => {
    for (const command of theirs) {
      const unknown = conversation.decide(by(bob, command), conversation.initial);
      expect(conversation.decide(by(bob, command), fold(conversation, answered))).toEqual(unknown);
    }
  });
});
