import { describe, it } from 'vitest';
import { contentOf, limits, personKey } from './content.js';
import { type ConversationEvent, conversation } from './conversation.js';
import {
  ada,
  added,
  bob,
  by,
  deleted,
  answered,
  feedback,
  fresh,
  id,
  idle,
  m1,
  m3,
  r1,
  restored,
  share,
  shareAt,
  shared,
  unshare,
} from './conversation-testing.js';
import { derivedId } from './ids.js';
import { clientId, given, sealedText } from './testing.js';

describe('sharing', () => {
  it('shows a branch up to a message', () => {
    idle.when(by(ada, shareAt())).adds(shared);
    idle.when(by(ada, shareAt(m3))).isRefused('NOT_FOUND');
    fresh.when(by(ada, shareAt())).isRefused('REPLY_RUNNING');
  });

  it('has an id that a client made for here, and each id one branch', () => {
    idle.when(by(ada, shareAt(r1, clientId(25, 0x124)))).isRefused('WRONG_BUCKET');
    idle.when(by(ada, shareAt(r1, derivedId(id, 'share', 0x123)))).isRefused('INVALID');
    idle.when(by(ada, shareAt(r1, m1))).isRefused('ID_TAKEN');
    const open = given(conversation, ...answered, shared);
    open.when(by(ada, shareAt())).changesNothing();
    open.when(by(ada, shareAt(m1))).isRefused('ID_TAKEN');
  });

  it('ends once', () => {
    const ended: ConversationEvent = { type: 'ConversationUnshared', data: { share, by: ada } };
    given(conversation, ...answered, shared)
      .when(by(ada, unshare()))
      .adds(ended);
    given(conversation, ...answered, shared, ended)
      .when(by(ada, unshare()))
      .changesNothing();
    idle.when(by(ada, unshare('toString'))).changesNothing();
  });

  it('ends with the conversation, and does not come back with it', () => {
    given(conversation, ...answered, shared, deleted, restored)
      .when(by(ada, unshare()))
      .changesNothing();
  });

  it('is done so often at a time', () => {
    const many = Array.from({ length: limits.shares }, (_, n): ConversationEvent => ({
      type: 'ConversationShared',
      data: { share: clientId(100 + n), leaf: r1, by: ada },
    }));
    given(conversation, ...answered, ...many)
      .when(by(ada, shareAt()))
      .isRefused('TOO_LARGE');
    given(conversation, ...answered, ...many.slice(1))
      .when(by(ada, shareAt()))
      .adds(shared);
  });
});

describe('feedback', () => {
  const words = (n = 0) => sealedText(personKey(ada), contentOf.feedback(r1, ada), n);
  const gave = (value: 'up' | 'down' | 'none', more: object = {}, who = ada): ConversationEvent => ({
    type: 'FeedbackGiven',
    data: { message: r1, by: who, value, comment: null, chars: 0, ...more },
  });
  const told = { comment: words(), chars: 4 };

  it('is given on a reply, with or without words', () => {
    idle.when(by(ada, feedback('up'))).adds(gave('up'));
    idle.when(by(ada, feedback('down', told))).adds(gave('down', told));
  });

  it('is given once, changed and taken back', () => {
    const liked = given(conversation, ...answered, gave('up'));
    liked.when(by(ada, feedback('up'))).changesNothing();
    liked.when(by(ada, feedback('up', told))).adds(gave('up', told));
    liked.when(by(ada, feedback('down'))).adds(gave('down'));
    liked.when(by(ada, feedback('none'))).adds(gave('none'));
    given(conversation, ...answered, gave('up'), gave('none'))
      .when(by(ada, feedback('none')))
      .changesNothing();
    idle.when(by(ada, feedback('none'))).changesNothing();
    const explained = given(conversation, ...answered, gave('up', told));
    explained.when(by(ada, feedback('up', told))).changesNothing();
    explained
      .when(by(ada, feedback('up', { ...told, comment: words(1) })))
      .adds(gave('up', { ...told, comment: words(1) }));
  });

  it('is each person’s own', () => {
    given(conversation, ...answered, added(bob, 'reader'), gave('up'))
      .when(by(bob, feedback('up')))
      .adds(gave('up', {}, bob));
  });

  it('waits for the end of a reply, and is for replies that are here', () => {
    fresh.when(by(ada, feedback('up'))).isRefused('REPLY_RUNNING');
    idle.when(by(ada, feedback('up', { message: m1 }))).isRefused('INVALID');
    idle.when(by(ada, feedback('up', { message: m3 }))).isRefused('NOT_FOUND');
  });

  it('has a comment that is not empty, not too long, and in its place', () => {
    idle.when(by(ada, feedback('up', { ...told, chars: 0 }))).isRefused('INVALID');
    idle.when(by(ada, feedback('up', { ...told, chars: limits.comment + 1 }))).isRefused('TOO_LARGE');
    idle.when(by(ada, feedback('up', { chars: 4 }))).isRefused('INVALID');
    idle.when(by(ada, feedback('none', told))).isRefused('INVALID');
    for (const comment of [
      sealedText(personKey(bob), contentOf.feedback(r1, ada)),
      sealedText(personKey(ada), contentOf.feedback(r1, bob)),
    ]) {
      idle.when(by(ada, feedback('up', { ...told, comment }))).isRefused('INVALID');
    }
  });
});
