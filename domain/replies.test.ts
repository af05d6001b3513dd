import { describe, it } from 'vitest';
import { limits, personKey } from './content.js';
import { type ConversationEvent, conversation } from './conversation.js';
import {
  ada,
  added,
  answered,
  bob,
  by,
  claim,
  claimTitle,
  claimed,
  completed,
  deleted,
  end,
  failTitle,
  fresh,
  idle,
  m1,
  m2,
  nothing,
  posted,
  r1,
  r2,
  r3,
  renamed,
  restored,
  said,
  setTitle,
  started,
  temporary,
  temporaryKey,
  title,
  titleStarted,
} from './conversation-testing.js';
import { ASSISTANT } from './decider.js';
import { given } from './testing.js';

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

  it('is sealed under the key of who asked for it, or says nothing at all', () => {
    const bobs = given(conversation, ...answered, added(bob, 'writer'), ...posted(m2, r2, r1, 3, bob), claimed(1, r2));
    bobs.when(by(ASSISTANT, end(1, r2, personKey(bob)).complete)).adds(completed(1, r2, personKey(bob)));
    for (const key of [personKey(ada), temporaryKey]) {
      for (const wrong of Object.values(end(1, r2, key))) bobs.when(by(ASSISTANT, wrong)).isRefused('INVALID');
    }
    const bare = { ...end(1, r2).fail.data, parts: [] };
    bobs.when(by(ASSISTANT, { type: 'FailReply', data: bare })).adds({ type: 'ReplyFailed', data: bare });
  });

  it('comes to its end in a deleted conversation too: it was promised', () => {
    given(conversation, ...started, deleted)
      .when(by(ASSISTANT, claim(1)))
      .adds(claimed(1));
    given(conversation, ...started, claimed(1), deleted)
      .when(by(ASSISTANT, end(1).complete))
      .adds(completed(1));
  });
});

describe('a better title', () => {
  const failed: ConversationEvent = { type: 'TitleFailed', data: failTitle(1).data };
  const claimedOnce = given(conversation, ...answered, titleStarted(1));

  it('is claimed by the next attempt only', () => {
    idle.when(by(ASSISTANT, claimTitle(1))).adds(titleStarted(1));
    idle.when(by(ASSISTANT, claimTitle(2))).isRefused('STALE');
    claimedOnce.when(by(ASSISTANT, claimTitle(1))).isRefused('STALE');
    claimedOnce.when(by(ASSISTANT, claimTitle(2))).adds(titleStarted(2));
  });

  it('is set by the running attempt, or fails', () => {
    claimedOnce.when(by(ASSISTANT, setTitle(1))).adds(renamed(2, 'automatic'));
    claimedOnce.when(by(ASSISTANT, failTitle(1))).adds(failed);
    for (const late of [setTitle(1), failTitle(1)]) {
      given(conversation, ...answered, titleStarted(1), titleStarted(2))
        .when(by(ASSISTANT, late))
        .isRefused('STALE');
    }
    for (const unclaimed of [setTitle(0), failTitle(0), setTitle(1)]) {
      idle.when(by(ASSISTANT, unclaimed)).isRefused('STALE');
    }
  });

  it('comes once: the first end wins', () => {
    for (const ended of [failed, renamed(2, 'automatic')]) {
      const over = given(conversation, ...answered, titleStarted(1), ended);
      over.when(by(ASSISTANT, setTitle(1, 3))).changesNothing();
      over.when(by(ASSISTANT, failTitle(1))).changesNothing();
      over.when(by(ASSISTANT, claimTitle(2))).isRefused('STALE');
    }
  });

  it('never replaces what a person chose', () => {
    const chosen = given(conversation, ...answered, titleStarted(1), renamed(5));
    for (const late of [setTitle(1), failTitle(1), claimTitle(2)]) chosen.when(by(ASSISTANT, late)).isRefused('STALE');
  });

  it('is not for a deleted conversation, until it comes back', () => {
    const gone = given(conversation, ...answered, titleStarted(1), deleted);
    for (const late of [setTitle(1), failTitle(1), claimTitle(2)]) gone.when(by(ASSISTANT, late)).isRefused('STALE');
    given(conversation, ...answered, titleStarted(1), deleted, restored)
      .when(by(ASSISTANT, setTitle(1)))
      .adds(renamed(2, 'automatic'));
  });

  it('is a title like others, under the key that the conversation’s title has', () => {
    const { data } = setTitle(1);
    const set = (more: object) => claimedOnce.when(by(ASSISTANT, { type: 'SetTitle', data: { ...data, ...more } }));
    set({ chars: 0 }).isRefused('INVALID');
    set({ chars: limits.title + 1 }).isRefused('TOO_LARGE');
    set(title(2, personKey(bob))).isRefused('INVALID');
    set(title(2, temporaryKey)).isRefused('INVALID');
    const secret = given(conversation, ...temporary, titleStarted(1));
    secret.when(by(ASSISTANT, setTitle(1))).isRefused('INVALID');
    secret
      .when(by(ASSISTANT, setTitle(1, 2, temporaryKey)))
      .adds({ type: 'ConversationRenamed', data: { ...title(2, temporaryKey), by: 'automatic' } });
  });
});
