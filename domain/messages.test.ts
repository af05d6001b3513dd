import { describe, expect, it } from 'vitest';
import { contentOf, limits, personKey } from './content.js';
import { type ConversationEvent, conversation } from './conversation.js';
import {
  ada,
  added,
  answered,
  bob,
  by,
  claimed,
  completed,
  copy,
  end,
  forked,
  fresh,
  idle,
  m1,
  m2,
  m3,
  nothing,
  partOf,
  post,
  postOf,
  posted,
  r1,
  r2,
  r3,
  request,
  said,
  start,
  started,
  stopAsked,
  stopReply,
  temporaryKey,
} from './conversation-testing.js';
import { derivedId } from './ids.js';
import { clientId, fold, given, sealedText } from './testing.js';

describe('a message', () => {
  // The rules for a message are the same in a new conversation and in an old one.
  const both = [
    { where: 'in a new conversation', when: (more: object) => nothing.when(by(ada, start(more))) },
    { where: 'later on', when: (more: object) => idle.when(by(ada, post(more))) },
  ];

  it.each(both)('has ids that a client could have made, $where', ({ when }) => {
    when({ message: derivedId(m1, 'x', 0x123) }).isRefused('INVALID');
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

  it.each(both)('is sealed under its author’s key, in its own place, $where', ({ when }) => {
    const here = { message: m3, reply: r3 };
    when({ ...here, parts: [partOf(m3, 5, personKey(bob))] }).isRefused('INVALID');
    when({ ...here, parts: [partOf(m3, 5, temporaryKey)] }).isRefused('INVALID');
    when({ ...here, parts: [partOf(m3, 5, personKey(ada), m1)] }).isRefused('INVALID');
    when({ ...here, parts: [partOf(m3), partOf(m3)] }).isRefused('INVALID');
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
    for (const people of [[], [added(bob, 'writer')]]) {
      given(conversation, ...answered, ...people, ...posted(m2, r2, r1, 3))
        .when(by(ada, post()))
        .isRefused('ID_TAKEN');
    }
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

  it('becomes a sibling where that is meant', () => {
    given(conversation, ...answered, ...posted(m2, r2, r1, 3))
      .when(by(ada, post({ message: m3, reply: r3, parts: [partOf(m3)], fork: true })))
      .adds(...posted(m3, r3, r1, 5));
  });
});

describe('a message to a branch that has grown meanwhile', () => {
  const grown = [...answered, ...posted(m2, r2, r1, 3), claimed(1, r2), completed(1, r2)];
  const late = { message: m3, reply: r3, parts: [partOf(m3)] };

  it('is a conflict for who is alone, and names the leaf of now', () => {
    const alone = given(conversation, ...grown);
    alone.when(by(ada, post(late))).isRefused('CONFLICT', { head: r2 });
    alone.when(by(ada, post({ ...late, parent: m1 }))).isRefused('CONFLICT', { head: r2 });
    alone.when(by(ada, post({ ...late, parent: r2 }))).adds(...posted(m3, r3, r2, 5));
  });

  it('goes to the new leaf among several people, whoever made it grow', () => {
    const together = given(conversation, ...grown, added(bob, 'writer'));
    together.when(by(ada, post(late))).adds(...posted(m3, r3, r2, 5));
    together.when(by(ada, post({ ...late, parent: m1 }))).adds(...posted(m3, r3, r2, 5));
    const bobs = { ...late, parts: [partOf(m3, 5, personKey(bob))] };
    together.when(by(bob, post(bobs))).adds(...posted(m3, r3, r2, 5, bob));
  });

  it('is a sibling where that is meant, among several people too', () => {
    given(conversation, ...grown, added(bob, 'writer'))
      .when(by(ada, post({ ...late, fork: true })))
      .adds(...posted(m3, r3, r1, 5));
  });

  it('waits for the reply at the new leaf', () => {
    given(conversation, ...answered, added(bob, 'writer'), ...posted(m2, r2, r1, 3))
      .when(by(bob, postOf(bob, { message: m3, reply: r3, parts: [partOf(m3, 5, personKey(bob))] })))
      .isRefused('REPLY_RUNNING');
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

describe('one more reply', () => {
  it('is asked for below a person’s message, beside the others, and is where the branch goes on', () => {
    const again: ConversationEvent = { type: 'ReplyRequested', data: { reply: r2, parent: m1, seq: 3, by: ada } };
    idle.when(by(ada, request())).adds(again);
    given(conversation, ...answered, again, claimed(1, r2), completed(1, r2))
      .when(by(ada, post({ message: m3, reply: r3, parent: m1, parts: [partOf(m3)] })))
      .isRefused('CONFLICT', { head: r2 });
  });

  it('is not asked for below a reply, or what is not here', () => {
    idle.when(by(ada, request(r2, r1))).isRefused('INVALID');
    idle.when(by(ada, request(r2, m3))).isRefused('NOT_FOUND');
  });

  it('has a new id, as a client could have made here', () => {
    idle.when(by(ada, request(r1))).isRefused('ID_TAKEN');
    idle.when(by(ada, request(clientId(30, 0x124)))).isRefused('WRONG_BUCKET');
    idle.when(by(ada, request('r2'))).isRefused('INVALID');
  });

  it('waits for the end of the one before', () => {
    fresh.when(by(ada, request())).isRefused('REPLY_RUNNING');
  });
});

describe('stopping a reply', () => {
  it('is asked once, and not after its end', () => {
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

  it('is kept through attempts', () => {
    given(conversation, ...started, claimed(1), stopAsked, claimed(2))
      .when(by(ada, stopReply()))
      .changesNothing();
  });
});

describe('copying messages into a fork', () => {
  const [theirs, told] = [clientId(60), clientId(61)];
  const mine = {
    message: m1,
    parent: null,
    author: ada,
    parts: [partOf(m1, 5, personKey(ada), theirs)],
    source: theirs,
  };
  const reply = { message: r1, parent: m1, author: null, parts: [partOf(r1, 5, personKey(bob), told)], source: told };
  const fork = given(conversation, ...forked);
  const copies: ConversationEvent = {
    type: 'MessagesCopied',
    data: {
      messages: [
        { ...mine, seq: 1 },
        { ...reply, seq: 2 },
      ],
    },
  };

  it('keeps their boxes, their keys and the place that these are bound to', () => {
    fork.when(by(ada, copy(mine, reply))).adds(copies);
    fork.when(by(ada, copy({ ...mine, parts: [partOf(m1)] }))).isRefused('INVALID');
    fork.when(by(ada, copy({ ...mine, author: bob }))).isRefused('INVALID');
    fork.when(by(ada, copy())).changesNothing();
  });

  it('goes on in chunks, below what is here, and leaves ended replies to go on from', () => {
    const next = { ...mine, message: m2, parent: r1 };
    const one = { ...mine, seq: 1 };
    given(conversation, ...forked, { type: 'MessagesCopied', data: { messages: [one] } })
      .when(by(ada, copy(reply)))
      .adds({ type: 'MessagesCopied', data: { messages: [{ ...reply, seq: 2 }] } });
    fork.when(by(ada, copy(next))).isRefused('NOT_FOUND');
    given(conversation, ...forked, copies)
      .when(by(ada, post()))
      .adds(...posted(m2, r2, r1, 3));
  });

  it('wants new ids, each once', () => {
    fork.when(by(ada, copy(mine, mine))).isRefused('INVALID');
    fork.when(by(ada, copy({ ...mine, message: clientId(30, 0x124) }))).isRefused('WRONG_BUCKET');
    given(conversation, ...forked, copies)
      .when(by(ada, copy(mine, reply)))
      .isRefused('ID_TAKEN');
  });

  it('is for what has the key of a person: nothing outlives a temporary conversation', () => {
    const secret = { type: 'text' as const, text: sealedText(temporaryKey, contentOf.part(told, 0)), chars: 5 };
    fork.when(by(ada, copy(mine, { ...reply, parts: [secret] }))).isRefused('INVALID');
    fork.when(by(ada, copy(mine, { ...reply, parts: [...reply.parts, secret] }))).isRefused('INVALID');
    fork.when(by(ada, copy(mine, { ...reply, parts: [] }))).adds({
      type: 'MessagesCopied',
      data: {
        messages: [
          { ...mine, seq: 1 },
          { ...reply, parts: [], seq: 2 },
        ],
      },
    });
  });

  it('takes so many at once', () => {
    const many = Array.from({ length: limits.copies + 1 }, (_, n) => ({ ...mine, message: clientId(100 + n) }));
    fork.when(by(ada, copy(...many))).isRefused('TOO_LARGE');
    expect(conversation.decide(by(ada, copy(...many.slice(1))), fold(conversation, forked))).toHaveLength(1);
  });

  it('is for the one who made the fork, and for forks', () => {
    idle.when(by(ada, copy(mine))).isRefused('INVALID');
    given(conversation, ...forked, added(bob, 'owner'))
      .when(by(bob, copy(mine)))
      .isRefused('FORBIDDEN');
  });

  it('may be followed, or done without, by a first message', () => {
    fork.when(by(ada, post({ parent: null }))).adds(...posted(m2, r2, null, 1));
    given(conversation, ...forked, copies)
      .when(by(ada, post({ parent: null })))
      .isRefused('INVALID');
  });
});
