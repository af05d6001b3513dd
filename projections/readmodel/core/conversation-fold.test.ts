import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sealed } from '../../../domain/content.js';
import type { ConversationEvent } from '../../../domain/conversation.js';
import type { Uuid } from '../../../domain/ids.js';
import { createHistory, idOf, sealed, textPart } from '../../testing.js';
import type { Db } from '../db.js';
import { openPglite } from '../pglite.js';
import { answer, ask, bob, cyd, id, other, tale } from './testing.js';

// What each event of a conversation makes of the rows.

let db: Db;
beforeAll(async () => {
  db = await openPglite();
});
afterAll(() => db.close());

describe('a conversation', () => {
  it('begins with its starter as its owner, and nothing said', async () => {
    const { here, user, view } = tale(db);
    const origin = { conversation: idOf(77), message: idOf(78) };
    const title = sealed('A title');
    here({ type: 'ConversationStarted', data: { starter: user, title, chars: 7, expires: null, origin } });
    const { conversation, queries, notices } = await view();
    const row = {
      id,
      version: 1,
      starter: user,
      title,
      titledBy: 'automatic',
      startedAt: '2026-01-01T00:00:01.000Z',
      activeAt: '2026-01-01T00:00:01.000Z',
      lastSeq: 0,
      head: id,
      deleted: false,
      expired: false,
      expires: null,
      origin,
      shares: [],
    };
    expect(await conversation()).toEqual(row);
    const member = {
      conversation: id,
      person: user,
      version: 1,
      role: 'owner',
      removed: false,
      joined: 1,
      postedSeq: 0,
    };
    expect(await queries.members([id])).toEqual([member]);
    const told = { from: 0, to: 1, conversation: row, messages: [], members: [member], people: [user] };
    expect(notices).toEqual([{ ...told, at: row.startedAt }]);
  });

  it('is named by a person or by the assistant, whose attempts show nothing', async () => {
    const { chat, here, view } = tale(db);
    chat();
    here({ type: 'TitleStarted', data: { attempt: 1, executor: idOf(9), endpoint: 'built-in', model: 'echo' } });
    const before = await (await view()).conversation();
    here({ type: 'ConversationRenamed', data: { title: sealed('By machine'), chars: 10, by: 'automatic' } });
    expect(await (await view()).conversation()).toMatchObject({ title: sealed('By machine'), titledBy: 'automatic' });
    here({ type: 'ConversationRenamed', data: { title: sealed('By hand'), chars: 7, by: 'person' } });
    here({ type: 'TitleFailed', data: { attempt: 2, code: 'RESPONDER_FAILED' } });
    const named = { title: sealed('By hand'), titledBy: 'person', version: 9 };
    expect(await (await view()).conversation()).toEqual({ ...before, ...named });
  });

  it('is deleted with its shares, and comes back without them', async () => {
    const { chat, here, user, view } = tale(db);
    chat();
    const share = (n: number): ConversationEvent => ({
      type: 'ConversationShared',
      data: { share: idOf(50 + n), leaf: answer, by: user },
    });
    here(share(1), share(2), share(3));
    here({ type: 'ConversationUnshared', data: { share: idOf(52), by: user } });
    const shared = [idOf(51), idOf(53)].map((each) => ({ id: each, leaf: answer }));
    expect(await (await view()).conversation()).toMatchObject({ shares: shared, version: 9 });
    here({ type: 'ConversationDeleted', data: { by: user } });
    expect(await (await view()).conversation()).toMatchObject({ deleted: true, expired: false, shares: [] });
    here({ type: 'ConversationRestored', data: { by: user } });
    expect(await (await view()).conversation()).toMatchObject({ deleted: false, shares: [], version: 11 });
  });

  it('says when it expires, and then that it has', async () => {
    const { here, user, view } = tale(db);
    const expires = '2026-02-01T00:00:00.000Z';
    here({
      type: 'ConversationStarted',
      data: { starter: user, title: sealed('Secret'), chars: 6, expires, origin: null },
    });
    expect(await (await view()).conversation()).toMatchObject({ expires, expired: false, deleted: false });
    here({ type: 'ConversationExpired', data: {} }, { type: 'ConversationPurged', data: {} });
    expect(await (await view()).conversation()).toMatchObject({ expires, expired: true, deleted: true, version: 3 });
  });

  it('does not go on before it started', async () => {
    const { rename, view } = tale(db);
    rename(id);
    expect((await view()).refused).toMatch(/goes on before it started/);
  });
});

describe('members', () => {
  it('come in order of joining, change roles, leave tombstones, and come back as the last', async () => {
    const { start, here, user, addMember, changeRole, removeMember, view } = tale(db);
    start(id);
    addMember(id, bob, 'reader');
    addMember(id, cyd, 'writer');
    changeRole(id, bob, 'owner');
    here({ type: 'MembershipTold', data: { user: bob, version: 4 } });
    const roles = async () =>
      (await (await view()).queries.members([id])).map(({ person, role, version, joined }) => [
        person,
        role,
        version,
        joined,
      ]);
    expect(await roles()).toEqual([
      [user, 'owner', 1, 1],
      [bob, 'owner', 4, 2],
      [cyd, 'writer', 3, 3],
    ]);
    removeMember(id, user);
    here({ type: 'MemberErased', data: { user: bob } });
    expect(await roles()).toEqual([[cyd, 'writer', 3, 3]]);
    const { queries } = await view();
    expect((await queries.changes(id, 4))?.members).toMatchObject([
      { person: user, removed: true, version: 6 },
      { person: bob, removed: true, version: 7 },
    ]);
    addMember(id, user, 'reader');
    expect(await roles()).toEqual([
      [cyd, 'writer', 3, 3],
      [user, 'reader', 8, 8],
    ]);
  });

  it('have read what they post themselves, and hear of what others do', async () => {
    const { chat, post, addMember, user, view } = tale(db);
    chat();
    addMember(id, bob, 'writer');
    post(id, other, answer, 3, bob);
    const { queries, notices } = await view();
    expect(await queries.members([id])).toMatchObject([
      { person: user, postedSeq: 1, version: 2 },
      { person: bob, postedSeq: 3, version: 7 },
    ]);
    expect((await queries.seen(bob, [id])).get(id)).toMatchObject({ role: 'writer', postedSeq: 3, lastSeq: 3 });
    expect(notices).toMatchObject([{ people: [user, bob], members: [{ person: user }, { person: bob }] }]);
  });

  it.each<[string, ConversationEvent]>([
    ['a role', { type: 'MemberRoleChanged', data: { user: bob, role: 'owner', by: 'x' } }],
    ['a removal', { type: 'MemberRemoved', data: { user: bob, by: 'x' } }],
    ['a post', { type: 'MessagePosted', data: { message: ask, parent: null, seq: 1, author: bob, parts: [] } }],
  ])('are no strangers: %s of one is refused', async (_, event) => {
    const { start, here, view } = tale(db);
    start(id);
    here(event);
    expect((await view()).refused).toContain(`speaks of a member who is none: ${bob}`);
  });
});

describe('a message', () => {
  const reply = { by: createHistory().user, stopping: false, code: null, finish: null, tokens: null };

  it('is what somebody posted, and the newest thing in its conversation', async () => {
    const { start, post, user, view } = tale(db);
    start(id);
    post(id, ask, null, 1);
    const { message, conversation } = await view();
    expect(await message(ask)).toEqual({
      id: ask,
      conversation: id,
      version: 2,
      parent: null,
      seq: 1,
      at: '2026-01-01T00:00:02.000Z',
      author: user,
      parts: [textPart(`text of ${ask}`)],
      source: null,
      feedback: {},
      reply: null,
    });
    expect(await conversation()).toMatchObject({ head: ask, lastSeq: 1, activeAt: '2026-01-01T00:00:02.000Z' });
  });

  it('is a reply from its request over its attempts to its end', async () => {
    const { start, post, request, ...more } = tale(db);
    start(id);
    post(id, ask, null, 1);
    request(id, answer, ask, 2);
    const shown = async () => (await more.view()).message(answer);
    expect(await shown()).toMatchObject({
      version: 3,
      author: null,
      parts: [],
      reply: { ...reply, status: 'requested', attempt: 0, model: null },
    });
    const claim = { executor: idOf(9), endpoint: 'built-in', model: 'echo' };
    more.here(
      { type: 'ReplyStarted', data: { reply: answer, attempt: 1, ...claim } },
      { type: 'ReplyStarted', data: { reply: answer, attempt: 2, ...claim, model: 'large' } },
      { type: 'ReplyStopRequested', data: { reply: answer, by: bob } },
    );
    expect(await shown()).toMatchObject({
      version: 6,
      reply: { ...reply, status: 'running', attempt: 2, stopping: true, model: 'large' },
    });
    more.complete(id, answer, 2);
    expect(await shown()).toMatchObject({
      version: 7,
      seq: 2,
      parts: [textPart(`reply ${answer}`)],
      reply: { ...reply, status: 'completed', attempt: 2, stopping: true, model: 'large', finish: 'stop', tokens: 3 },
    });
  });

  it('keeps what there was of a reply that failed or was stopped', async () => {
    const { chat, request, fail, endStopped, view } = tale(db);
    chat();
    for (const late of [other, idOf(14)]) request(id, late, ask, late === other ? 3 : 4);
    fail(id, other, 1);
    endStopped(id, idOf(14), 1);
    const { message } = await view();
    const broken = { status: 'failed', attempt: 1, code: 'ENDPOINT_DOWN', finish: null, tokens: null };
    expect(await message(other)).toMatchObject({ parts: [textPart(`half of ${other}`)], reply: broken });
    expect(await message(idOf(14))).toMatchObject({ reply: { status: 'stopped', attempt: 1, code: null } });
  });

  it('is copied with the place that its boxes are bound to, and is no news to who copied it', async () => {
    const { start, here, user, view } = tale(db);
    start(id);
    const copies = [
      { message: ask, parent: null, author: bob, parts: [textPart('Hello')], source: idOf(91), seq: 1 },
      { message: answer, parent: ask, author: null, parts: [textPart('Hi')], source: idOf(92), seq: 2 },
    ];
    here({ type: 'MessagesCopied', data: { messages: copies } });
    const { message, conversation, queries } = await view();
    expect(await message(ask)).toMatchObject({ author: bob, source: idOf(91), reply: null, version: 2 });
    expect(await message(answer)).toMatchObject({
      parent: ask,
      seq: 2,
      author: null,
      parts: [textPart('Hi')],
      source: idOf(92),
      reply: { ...reply, status: 'completed', attempt: 0, model: null },
    });
    expect(await conversation()).toMatchObject({ head: answer, lastSeq: 2, version: 2 });
    expect(await queries.members([id])).toMatchObject([{ person: user, postedSeq: 2 }]);
  });

  it('carries what each person says of it, until they take it back', async () => {
    const { chat, here, user, view } = tale(db);
    chat();
    const say = (by: Uuid, value: 'up' | 'down' | 'none', comment: Sealed | null = null): void =>
      here({ type: 'FeedbackGiven', data: { message: answer, by, value, comment, chars: comment ? 5 : 0 } });
    say(user, 'up');
    say(bob, 'down', sealed('Wrong'));
    const both = { [user]: { value: 'up', comment: null }, [bob]: { value: 'down', comment: sealed('Wrong') } };
    expect(await (await view()).message(answer)).toMatchObject({ feedback: both, version: 7 });
    say(user, 'none');
    const { message, notices } = await view();
    expect((await message(answer))?.feedback).toEqual({ [bob]: { value: 'down', comment: sealed('Wrong') } });
    expect(notices).toMatchObject([{ to: 8, conversation: { head: answer, lastSeq: 2, version: 8 } }]);
  });

  it('must be there before something happens to it', async () => {
    const { start, complete, view } = tale(db);
    start(id);
    complete(id, answer, 1);
    expect((await view()).refused).toContain(`speaks of a message that was never there: ${answer}`);
  });
});
