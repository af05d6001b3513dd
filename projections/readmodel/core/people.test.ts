import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sealed } from '../../../domain/content.js';
import { membershipId } from '../../../domain/ids.js';
import { sealed } from '../../testing.js';
import type { Db } from '../db.js';
import { openPglite } from '../pglite.js';
import { answer, id, tale } from './testing.js';

// What each event of a person, and of their relation to a conversation, makes of the rows.

let db: Db;
beforeAll(async () => {
  db = await openPglite();
});
afterAll(() => db.close());

describe('a person', () => {
  const instructions: Sealed = sealed('Be short.');
  const preferences = { instructions, chars: 9, theme: 'dark', language: 'de' } as const;
  const said = { by: 'ops', reason: 'spam' };

  it('has said nothing at first', async () => {
    const { register, user, view } = tale(db);
    register();
    expect(await (await view()).user()).toEqual({
      id: user,
      version: 1,
      name: sealed('Ana'),
      registeredAt: '2026-01-01T00:00:01.000Z',
      status: 'active',
      instructions: null,
      theme: 'system',
      language: null,
    });
  });

  it('has the name and the preferences that they last chose', async () => {
    const { register, her, view } = tale(db);
    register();
    her({ type: 'ProfileChanged', data: { name: sealed('Anna'), chars: 4 } });
    her({ type: 'PreferencesChanged', data: { ...preferences, theme: 'light' } });
    her({ type: 'PreferencesChanged', data: preferences });
    const shown = { version: 4, name: sealed('Anna'), instructions, theme: 'dark', language: 'de' };
    expect(await (await view()).user()).toMatchObject(shown);
  });

  it('is suspended and reinstated', async () => {
    const { register, her, view } = tale(db);
    register();
    her({ type: 'UserSuspended', data: said });
    expect(await (await view()).user()).toMatchObject({ version: 2, status: 'suspended' });
    her({ type: 'UserReinstated', data: said });
    expect(await (await view()).user()).toMatchObject({ version: 3, status: 'active' });
  });

  it('leaves a name without a key and nothing else once they are erased', async () => {
    const { register, her, view, user } = tale(db);
    register();
    her({ type: 'PreferencesChanged', data: preferences });
    her({ type: 'UserErased', data: { by: user } });
    her({ type: 'ErasureCompleted', data: { conversations: 1, backupsUntil: '2026-02-01T00:00:00.000Z' } });
    const { user: row, notices } = await view();
    const shown = {
      version: 4,
      name: sealed('Ana'),
      status: 'erased',
      instructions: null,
      theme: 'system',
      language: null,
    };
    expect(await row()).toMatchObject(shown);
    expect(notices).toEqual([{ user: await row() }]);
  });

  it('is not there before they registered', async () => {
    const { her, view } = tale(db);
    her({ type: 'ProfileChanged', data: { name: sealed('Anna'), chars: 4 } });
    await expect(view()).rejects.toThrow(/goes on before it began/);
  });
});

describe('a relation', () => {
  it('has defaults until something happens', async () => {
    const { chat, user, view } = tale(db);
    chat();
    const { relation, membership } = await view();
    expect(await relation()).toEqual({
      conversation: id,
      person: user,
      readSeq: 0,
      pinned: false,
      archived: false,
      hidden: false,
      tags: [],
      leaf: null,
    });
    expect(await membership()).toBeUndefined();
  });

  it('is all that a person does to a conversation for themselves', async () => {
    const { user, read, relation: add, view } = tale(db);
    const of = { conversation: id, user };
    const tags = [{ text: sealed('Work'), chars: 4 }];
    read(id, 7);
    add({ type: 'ConversationPinned', data: { ...of, pinned: true } });
    add({ type: 'ConversationArchived', data: { ...of, archived: true } });
    add({ type: 'ConversationTagged', data: { ...of, tags } });
    add({ type: 'BranchChosen', data: { ...of, leaf: answer } });
    add({ type: 'ConversationHidden', data: { ...of, hidden: true } });
    const all = { conversation: id, person: user, readSeq: 7, pinned: true, archived: true, hidden: true, tags };
    const { relation, notices } = await view();
    expect(await relation()).toEqual({ ...all, leaf: answer });
    const membership = { id: membershipId(id, user), version: 6, role: null, source: 0, ...all, leaf: answer };
    expect(notices).toEqual([{ membership }]);

    add({ type: 'ConversationPinned', data: { ...of, pinned: false } });
    add({ type: 'ConversationArchived', data: { ...of, archived: false } });
    add({ type: 'ConversationHidden', data: { ...of, hidden: false } });
    add({ type: 'ConversationTagged', data: { ...of, tags: [] } });
    const none = { pinned: false, archived: false, hidden: false, tags: [] };
    expect(await (await view()).relation()).toEqual({ ...all, ...none, leaf: answer });
  });

  it('says what their home was told of their role, until they leave', async () => {
    const { user, join, leave, read, view } = tale(db);
    join(id, 'reader', 4);
    join(id, 'writer', 6);
    const { membership } = await view();
    expect(await membership()).toMatchObject({ conversation: id, person: user, role: 'writer', source: 6, version: 2 });
    read(id, 3);
    leave(id, 9);
    const { membership: left, notices } = await view();
    expect(await left()).toBeUndefined();
    expect(notices).toMatchObject([{ membership: { role: null, source: 9, readSeq: 3, version: 4 } }]);
  });
});
