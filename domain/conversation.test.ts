import { describe, expect, it } from 'vitest';
import { contentOf, limits, personKey } from './content.js';
import { type ConversationEvent, conversation } from './conversation.js';
import {
  ada,
  add,
  added,
  answered,
  bob,
  by,
  claim,
  claimTitle,
  completed,
  cyd,
  deleted,
  end,
  ends,
  eraseMember,
  expire,
  expired,
  failTitle,
  feedback,
  fork,
  fresh,
  id,
  idle,
  m1,
  m2,
  nothing,
  partOf,
  post,
  purge,
  r1,
  r2,
  remove,
  rename,
  renamed,
  request,
  restore,
  restored,
  setTitle,
  shareAt,
  started,
  forked,
  posted,
  start,
  stopReply,
  tell,
  temporary,
  temporaryKey,
  title,
  unshare,
} from './conversation-testing.js';
import { ASSISTANT, SYSTEM } from './decider.js';
import { derivedId } from './ids.js';
import { clientId, fold, given, sealedText } from './testing.js';

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
    for (const begin of [start(), fork()]) {
      nothing.when({ ...by(ada, begin), id: derivedId(id, 'x', 0x123) }).isRefused('INVALID');
      nothing.when({ ...by(ada, begin), id: clientId(10, 0x124) }).isRefused('WRONG_BUCKET');
      for (const actor of [ASSISTANT, SYSTEM, cyd]) {
        nothing.when(by(actor, begin)).isRefused('WRONG_BUCKET');
        // Nor does anybody learn by it what there is in the homes of others.
        fresh.when(by(actor, begin)).isRefused('WRONG_BUCKET');
      }
    }
  });

  it('wants a title that is not empty and not too long, under the key of who starts it', () => {
    for (const begin of [start, fork]) {
      nothing.when(by(ada, begin({ chars: 0 }))).isRefused('INVALID');
      nothing.when(by(ada, begin({ chars: limits.title + 1 }))).isRefused('TOO_LARGE');
      nothing.when(by(ada, begin(title(1, personKey(bob))))).isRefused('INVALID');
      nothing.when(by(ada, begin(title(1, temporaryKey)))).isRefused('INVALID');
      nothing.when(by(ada, begin({ title: sealedText(personKey(ada), contentOf.title(m1)) }))).isRefused('INVALID');
    }
  });
});

describe('a fork', () => {
  it('begins without a message, and says where it comes from', () => {
    nothing.when(by(ada, fork())).adds(...forked);
  });

  it('wants a new id, and the name of a message', () => {
    fresh.when(by(ada, fork())).isRefused('ID_TAKEN');
    nothing.when(by(ada, fork({ origin: { conversation: 'a', message: m1 } }))).isRefused('INVALID');
    nothing.when(by(ada, fork({ origin: { conversation: m1, message: 'a' } }))).isRefused('INVALID');
  });
});

describe('a temporary conversation', () => {
  const secret = { ...title(1, temporaryKey), parts: [partOf(m1, 5, temporaryKey)], expires: ends };
  const kept = given(conversation, ...temporary);
  const over = given(conversation, ...temporary, expired);
  const purged: ConversationEvent = { type: 'ConversationPurged', data: {} };

  it('says when it ends, and is sealed under a key of its own', () => {
    nothing.when(by(ada, start(secret))).adds(...temporary.slice(0, 3));
    nothing.when(by(ada, start({ ...secret, parts: [partOf(m1)] }))).isRefused('INVALID');
    nothing.when(by(ada, start({ ...secret, ...title(1) }))).isRefused('INVALID');
    nothing.when(by(ada, start({ ...secret, ...title(1, 'conversation-other') }))).isRefused('INVALID');
    for (const expires of ['', 'tomorrow', '2026-02-01', '2026-02-31T00:00:00.000Z']) {
      nothing.when(by(ada, start({ ...secret, expires }))).isRefused('INVALID');
    }
  });

  it('keeps to that key in all that follows', () => {
    kept.when(by(ada, post())).isRefused('INVALID');
    kept
      .when(by(ada, post({ parts: [partOf(m2, 5, temporaryKey)] })))
      .adds(...posted(m2, r2, r1, 3, ada, temporaryKey));
    kept.when(by(ada, rename(2))).isRefused('INVALID');
    kept
      .when(by(ada, rename(2, 7, temporaryKey)))
      .adds({ type: 'ConversationRenamed', data: { ...title(2, temporaryKey), by: 'person' } });
    const running = given(conversation, ...temporary.slice(0, 4));
    running.when(by(ASSISTANT, end(1).complete)).isRefused('INVALID');
    running.when(by(ASSISTANT, end(1, r1, temporaryKey).complete)).adds(completed(1, r1, temporaryKey));
  });

  it('is for one person: it is not shared', () => {
    kept.when(by(ada, shareAt())).isRefused('INVALID');
  });

  it('expires once, and is purged once after that', () => {
    kept.when(by(SYSTEM, expire)).adds(expired);
    given(conversation, ...temporary, deleted)
      .when(by(SYSTEM, expire))
      .adds(expired);
    over.when(by(SYSTEM, expire)).changesNothing();
    over.when(by(SYSTEM, purge)).adds(purged);
    kept.when(by(SYSTEM, purge)).isRefused('INVALID');
    for (const again of [expire, purge]) {
      given(conversation, ...temporary, expired, purged)
        .when(by(SYSTEM, again))
        .changesNothing();
    }
  });

  it('is gone for good once it expired', () => {
    for (const command of [post(), rename(2), remove, restore, stopReply(), feedback('up'), request()]) {
      over.when(by(ada, command)).isRefused('NOT_FOUND');
      given(conversation, ...temporary, expired, purged)
        .when(by(ada, command))
        .isRefused('NOT_FOUND');
    }
  });

  it('is the only kind that expires', () => {
    for (const command of [expire, purge]) idle.when(by(SYSTEM, command)).isRefused('INVALID');
  });
});

describe('a title', () => {
  it('is changed by a person', () => {
    idle.when(by(ada, rename(2))).adds(renamed(2));
  });

  it('is changed once by the same renaming', () => {
    given(conversation, ...answered, renamed(2))
      .when(by(ada, rename(2)))
      .changesNothing();
    given(conversation, ...answered, renamed(2))
      .when(by(ada, rename(3)))
      .adds(renamed(3));
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

  it('leaves nothing to do but to bring it back', () => {
    const all = [post(), rename(2), stopReply(), request(), feedback('up'), shareAt(), unshare(), add(bob, 'reader')];
    for (const command of all) gone.when(by(ada, command)).isRefused('NOT_FOUND');
    gone.when(by(ada, restore)).adds(restored);
    idle.when(by(ada, restore)).changesNothing();
    given(conversation, ...answered, deleted, restored)
      .when(by(ada, post()))
      .adds(...posted(m2, r2, r1, 3));
  });

  it('hides it from all others: they cannot tell that it was ever there', () => {
    for (const command of [post(), remove, restore, feedback('up')]) {
      given(conversation, ...answered, added(bob, 'writer'), deleted)
        .when(by(bob, command))
        .isRefused('NOT_FOUND');
    }
  });
});

describe('who may do what', () => {
  const theirs = [post(), rename(2), remove, restore, stopReply(), request(), shareAt(), unshare(), feedback('up')];
  const assistants = [claim(1), ...Object.values(end(1)), claimTitle(1), setTitle(1), failTitle(1)];
  const house = [expire, purge, eraseMember(ada), tell(ada, 1)];

  it.each([bob, SYSTEM, ASSISTANT])('leaves what is the members’ to the members: not %s', (actor) => {
    for (const command of theirs) idle.when(by(actor, command)).isRefused('NOT_FOUND');
  });

  it.each([ada, bob, SYSTEM])('leaves what is the assistant’s to the assistant: not %s', (actor) => {
    for (const command of assistants) fresh.when(by(actor, command)).isRefused('NOT_FOUND');
  });

  it.each([ada, bob, ASSISTANT])('leaves what is the installation’s to the installation: not %s', (actor) => {
    for (const command of house)
      given(conversation, ...temporary)
        .when(by(actor, command))
        .isRefused('NOT_FOUND');
  });

  it('answers alike for what is unknown and what is another’s', () => {
    for (const command of [...theirs, ...assistants, ...house]) {
      const unknown = conversation.decide(by(bob, command), conversation.initial);
      expect(conversation.decide(by(bob, command), fold(conversation, answered))).toEqual(unknown);
    }
  });

  it('has nothing for anybody in what never began', () => {
    for (const command of house) nothing.when(by(SYSTEM, command)).isRefused('NOT_FOUND');
    for (const command of assistants) nothing.when(by(ASSISTANT, command)).isRefused('NOT_FOUND');
  });
});
