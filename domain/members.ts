import { limits } from './content.js';
import type { MemberRole } from './conversation-events.js';
import { type ConversationState, type Decision, roleOf } from './conversation-state.js';
import { SYSTEM, reject } from './decider.js';
import { type Uuid, isUuid } from './ids.js';

// Who belongs to a conversation. It always has an owner, or nobody at all.

const noOwner = reject('INVALID', 'A conversation keeps an owner: make somebody else one first, or delete it.');

const isLastOwner = ({ members }: ConversationState, user: Uuid): boolean =>
  members.every((member) => (member.role === 'owner') === (member.user === user));

export function addMember(state: ConversationState, by: Uuid, user: Uuid, role: MemberRole): Decision {
  if (state.temporary) return reject('INVALID', 'A temporary conversation is for one person alone.');
  if (!isUuid(user)) return reject('INVALID', `${user} is not the id of a person.`);
  const now = roleOf(state, user);
  if (now === role) return [];
  if (now) return reject('INVALID', `They are a member already, as ${now}: change their role.`);
  // Whoever is yet to be told that they left counts too, so that a state stays small whatever happens.
  const people = new Set([...state.members, ...state.owed].map((each) => each.user)).add(user);
  if (people.size > limits.members) {
    return reject(
      'TOO_LARGE',
      `A conversation has at most ${limits.members} members. Those who just left count a while.`,
    );
  }
  return [{ type: 'MemberAdded', data: { user, role, by } }];
}

export function changeRole(state: ConversationState, by: Uuid, user: Uuid, role: MemberRole): Decision {
  const now = roleOf(state, user);
  if (!now) return reject('NOT_FOUND', 'They are no member of this conversation: add them.');
  if (now === role) return [];
  if (isLastOwner(state, user)) return noOwner;
  return [{ type: 'MemberRoleChanged', data: { user, role, by } }];
}

/** By an owner; or by the person themselves, who leaves. */
export function removeMember(state: ConversationState, by: Uuid, user: Uuid): Decision {
  if (user !== by && roleOf(state, by) !== 'owner') {
    return reject('FORBIDDEN', 'Only owners remove others. You can leave yourself.');
  }
  if (!roleOf(state, user)) return [];
  if (isLastOwner(state, user)) return noOwner;
  return [{ type: 'MemberRemoved', data: { user, by } }];
}

/** Somebody was erased. The one who has been here longest takes their place as the only owner; without anybody it ends. */
export function eraseMember(state: ConversationState, user: Uuid): Decision {
  if (!roleOf(state, user)) return [];
  const erased = { type: 'MemberErased', data: { user } } as const;
  const heir = state.members.find((member) => member.user !== user);
  if (!heir) {
    return state.status === 'open' ? [erased, { type: 'ConversationDeleted', data: { by: SYSTEM } }] : [erased];
  }
  return isLastOwner(state, user)
    ? [erased, { type: 'MemberRoleChanged', data: { user: heir.user, role: 'owner', by: SYSTEM } }]
    : [erased];
}

/** Somebody's home has taken their relation as of a version of this stream. News since then are still owed. */
export function tellMembership({ owed, version: now }: ConversationState, user: Uuid, version: number): Decision {
  if (!Number.isSafeInteger(version) || version > now) {
    return reject('INVALID', `This stream is at version ${now}: nobody can know of ${version}.`);
  }
  const news = owed.find((each) => each.user === user);
  return news && news.version <= version ? [{ type: 'MembershipTold', data: { user, version } }] : [];
}
