import { describe, expect, it } from 'vitest';
import { limits } from './content.js';
import { type ConversationEvent, conversation } from './conversation.js';
import {
  ada,
  add,
  added,
  answered,
  bob,
  by,
  changeRole,
  cyd,
  deleted,
  eraseMember,
  expired,
  idle,
  postOf,
  removeMember,
  removed,
  roleChanged,
  tell,
  temporary,
  withBob,
} from './conversation-testing.js';
import { ASSISTANT, SYSTEM, isRejection } from './decider.js';
import { clientId, fold, given } from './testing.js';

const erased = (user: string): ConversationEvent => ({ type: 'MemberErased', data: { user } });
const told = (user: string, version: number): ConversationEvent => ({
  type: 'MembershipTold',
  data: { user, version },
});
/** The version of the stream after the answered message. */
const V = answered.length;

describe('members', () => {
  it.each(['owner', 'writer', 'reader'] as const)('are added by an owner: a %s', (role) => {
    idle.when(by(ada, add(bob, role))).adds(added(bob, role));
    withBob('owner')
      .when(by(bob, add(cyd, role)))
      .adds({ type: 'MemberAdded', data: { user: cyd, role, by: bob } });
  });

  it('are in once: another role is a change', () => {
    withBob('reader')
      .when(by(ada, add(bob, 'reader')))
      .changesNothing();
    withBob('reader')
      .when(by(ada, add(bob, 'writer')))
      .isRefused('INVALID');
    idle.when(by(ada, add(ada, 'owner'))).changesNothing();
  });

  it('are people', () => {
    for (const user of ['bob', ASSISTANT, SYSTEM, bob.toUpperCase()]) {
      idle.when(by(ada, add(user, 'reader'))).isRefused('INVALID');
    }
  });

  it('are none in a temporary conversation', () => {
    given(conversation, ...temporary)
      .when(by(ada, add(bob, 'reader')))
      .isRefused('INVALID');
  });

  it('get another role from an owner', () => {
    withBob('reader')
      .when(by(ada, changeRole(bob, 'owner')))
      .adds(roleChanged(bob, 'owner'));
    withBob('reader')
      .when(by(ada, changeRole(bob, 'reader')))
      .changesNothing();
    idle.when(by(ada, changeRole(bob, 'reader'))).isRefused('NOT_FOUND');
  });

  it('are removed by an owner, or leave by themselves', () => {
    withBob('writer')
      .when(by(ada, removeMember(bob)))
      .adds(removed(bob));
    for (const role of ['owner', 'writer', 'reader'] as const) {
      withBob(role)
        .when(by(bob, removeMember(bob)))
        .adds(removed(bob, bob));
    }
    idle.when(by(ada, removeMember(bob))).changesNothing();
  });

  it('do not remove others unless they own it', () => {
    for (const role of ['writer', 'reader'] as const) {
      withBob(role, added(cyd, 'reader'))
        .when(by(bob, removeMember(cyd)))
        .isRefused('FORBIDDEN');
      withBob(role)
        .when(by(bob, removeMember(ada)))
        .isRefused('FORBIDDEN');
    }
  });

  it('are so many at most, those included whose leaving nobody knows of yet', () => {
    const crowd = Array.from({ length: limits.members - 1 }, (_, n) => clientId(100 + n));
    const full = crowd.map((user) => added(user, 'reader'));
    const [first = ''] = crowd;
    given(conversation, ...answered, ...full.slice(1))
      .when(by(ada, add(bob, 'reader')))
      .adds(added(bob, 'reader'));
    given(conversation, ...answered, ...full)
      .when(by(ada, add(bob, 'reader')))
      .isRefused('TOO_LARGE');
    given(conversation, ...answered, ...full, removed(first))
      .when(by(ada, add(bob, 'reader')))
      .isRefused('TOO_LARGE');
    given(conversation, ...answered, ...full, removed(first))
      .when(by(ada, add(first, 'reader')))
      .adds(added(first, 'reader'));
    given(conversation, ...answered, ...full, removed(first), told(first, V + full.length + 1))
      .when(by(ada, add(bob, 'reader')))
      .adds(added(bob, 'reader'));
  });
});

describe('a state', () => {
  it('stays small however many people come and go, and whoever is slow to be told of it', () => {
    let state = fold(conversation, answered);
    for (let n = 0; n < 500; n++) {
      for (const wish of [add(clientId(1_000 + n), 'reader'), removeMember(clientId(1_000 + n))]) {
        const decision = conversation.decide(by(ada, wish), state);
        if (!isRejection(decision)) state = decision.reduce(conversation.evolve, state);
      }
    }
    expect(state.members).toEqual([{ user: ada, role: 'owner' }]);
    expect(state.owed).toHaveLength(limits.members - 1);
  });
});

describe('the last owner', () => {
  it('cannot leave, and cannot be made less', () => {
    withBob('writer')
      .when(by(ada, removeMember(ada)))
      .isRefused('INVALID');
    idle.when(by(ada, removeMember(ada))).isRefused('INVALID');
    withBob('writer')
      .when(by(ada, changeRole(ada, 'writer')))
      .isRefused('INVALID');
  });

  it('can where there is another', () => {
    withBob('owner')
      .when(by(ada, removeMember(ada)))
      .adds(removed(ada));
    withBob('owner')
      .when(by(bob, changeRole(ada, 'reader')))
      .adds(roleChanged(ada, 'reader', bob));
    withBob('owner', removed(ada))
      .when(by(bob, removeMember(bob)))
      .isRefused('INVALID');
  });

  it('has nothing left to say once they left', () => {
    withBob('owner', removed(ada))
      .when(by(ada, postOf(ada)))
      .isRefused('NOT_FOUND');
  });
});

describe('who is erased', () => {
  it('is no member any more', () => {
    withBob('writer')
      .when(by(SYSTEM, eraseMember(bob)))
      .adds(erased(bob));
    idle.when(by(SYSTEM, eraseMember(bob))).changesNothing();
  });

  it('leaves a conversation without an owner to who has been there longest', () => {
    withBob('reader', added(cyd, 'writer'))
      .when(by(SYSTEM, eraseMember(ada)))
      .adds(erased(ada), roleChanged(bob, 'owner', SYSTEM));
    withBob('reader', added(cyd, 'writer'), removed(bob), added(bob, 'writer'))
      .when(by(SYSTEM, eraseMember(ada)))
      .adds(erased(ada), roleChanged(cyd, 'owner', SYSTEM));
    withBob('reader', roleChanged(bob, 'writer'), added(cyd, 'writer'))
      .when(by(SYSTEM, eraseMember(ada)))
      .adds(erased(ada), roleChanged(bob, 'owner', SYSTEM));
    withBob('reader', added(cyd, 'owner'))
      .when(by(SYSTEM, eraseMember(ada)))
      .adds(erased(ada));
  });

  it('takes a conversation along that was theirs alone', () => {
    idle.when(by(SYSTEM, eraseMember(ada))).adds(erased(ada), { type: 'ConversationDeleted', data: { by: SYSTEM } });
    given(conversation, ...answered, deleted)
      .when(by(SYSTEM, eraseMember(ada)))
      .adds(erased(ada));
    given(conversation, ...temporary, expired)
      .when(by(SYSTEM, eraseMember(ada)))
      .adds(erased(ada));
  });
});

describe('telling a home of its person’s relation', () => {
  it('is noted once', () => {
    withBob('writer')
      .when(by(SYSTEM, tell(bob, V + 1)))
      .adds(told(bob, V + 1));
    withBob('writer', told(bob, V + 1))
      .when(by(SYSTEM, tell(bob, V + 1)))
      .changesNothing();
    idle.when(by(SYSTEM, tell(bob, V))).changesNothing();
  });

  it('is not done with while there are newer news', () => {
    const moved = withBob('writer', roleChanged(bob, 'reader'));
    moved.when(by(SYSTEM, tell(bob, V + 1))).changesNothing();
    moved.when(by(SYSTEM, tell(bob, V + 2))).adds(told(bob, V + 2));
    withBob('writer', told(bob, V + 1), removed(bob))
      .when(by(SYSTEM, tell(bob, V + 3)))
      .adds(told(bob, V + 3));
  });

  it('is of what has happened', () => {
    for (const version of [V + 2, NaN, 0.5]) {
      withBob('writer')
        .when(by(SYSTEM, tell(bob, version)))
        .isRefused('INVALID');
    }
  });

  it('is not owed to who was erased, or to who started it', () => {
    withBob('writer', erased(bob))
      .when(by(SYSTEM, tell(bob, V + 2)))
      .changesNothing();
    idle.when(by(SYSTEM, tell(ada, V))).changesNothing();
  });
});
