import { describe, expect, it } from 'vitest';
import { personKey } from './content.js';
import { conversation } from './conversation.js';
import {
  ada,
  add,
  added,
  answered,
  bob,
  by,
  changeRole,
  copy,
  cyd,
  eraseMember,
  feedback,
  idle,
  m1,
  nothing,
  partOf,
  postOf,
  remove,
  removed,
  rename,
  request,
  restore,
  roleChanged,
  shareAt,
  stopReply,
  tell,
  unshare,
  withBob,
} from './conversation-testing.js';
import { ASSISTANT, SYSTEM } from './decider.js';
import { fold } from './testing.js';

describe('a role', () => {
  const asBob = postOf(bob);
  const mine = { message: m1, parent: null, author: ada, parts: [partOf(m1)], source: m1 };
  const wishes = {
    reader: [feedback('up')],
    writer: [asBob, request(), stopReply()],
    owner: [rename(2), remove, restore, shareAt(), unshare(), add(cyd, 'reader'), changeRole(ada, 'reader')],
  };

  it.each([
    { role: 'reader' as const, may: [...wishes.reader], not: [...wishes.writer, ...wishes.owner, copy(mine)] },
    { role: 'writer' as const, may: [...wishes.reader, ...wishes.writer], not: [...wishes.owner, copy(mine)] },
    { role: 'owner' as const, may: Object.values(wishes).flat(), not: [copy(mine)] },
  ])('allows what is its own and no more: $role', ({ role, may, not }) => {
    const state = fold(conversation, [...answered, added(bob, role)]);
    for (const command of may) expect(conversation.decide(by(bob, command), state)).toBeInstanceOf(Array);
    for (const command of not) withBob(role).when(by(bob, command)).isRefused('FORBIDDEN');
  });

  it('is worth nothing once it is gone: nobody can tell that it was ever there', () => {
    for (const command of Object.values(wishes).flat()) {
      const unknown = conversation.decide(by(bob, command), conversation.initial);
      const gone = fold(conversation, [...answered, added(bob, 'owner'), removed(bob)]);
      expect(conversation.decide(by(bob, command), gone)).toEqual(unknown);
      nothing.when(by(bob, command)).isRefused('NOT_FOUND');
    }
  });

  it('is that of the moment: who was made less a moment ago is refused', () => {
    const both = withBob('owner');
    both.when(by(ada, changeRole(bob, 'reader'))).adds(roleChanged(bob, 'reader'));
    both.when(by(bob, changeRole(ada, 'reader'))).adds(roleChanged(ada, 'reader', bob));
    withBob('owner', roleChanged(bob, 'reader'))
      .when(by(bob, changeRole(ada, 'reader')))
      .isRefused('FORBIDDEN');
  });

  it('is for people: neither the assistant nor the installation is a member', () => {
    for (const command of Object.values(wishes).flat()) {
      for (const actor of [ASSISTANT, SYSTEM]) idle.when(by(actor, command)).isRefused('NOT_FOUND');
    }
    for (const command of [eraseMember(bob), tell(bob, 1)]) {
      for (const actor of [ada, ASSISTANT]) withBob('owner').when(by(actor, command)).isRefused('NOT_FOUND');
    }
  });

  it('lets a title be sealed by its starter’s key, or by that of the owner who gives it', () => {
    for (const key of [personKey(ada), personKey(bob)]) {
      const { data } = rename(2, 7, key);
      withBob('owner')
        .when(by(bob, rename(2, 7, key)))
        .adds({ type: 'ConversationRenamed', data: { ...data, by: 'person' } });
    }
    withBob('owner', added(cyd, 'owner'))
      .when(by(bob, rename(2, 7, personKey(cyd))))
      .isRefused('INVALID');
  });
});
