import type { Envelope } from '../../../domain/event.js';
import { type Uuid, parseStream } from '../../../domain/ids.js';
import type { MembershipEvent } from '../../../domain/membership.js';
import type { UserEvent } from '../../../domain/user.js';
import type { MembershipRow, Relation, UserRow } from './rows.js';

// What the events of a person, and of their relation to a conversation, make of its row.

const noPreferences = { instructions: null, theme: 'system', language: null } as const;

export function foldUser(row: UserRow | undefined, event: Envelope<UserEvent>): UserRow {
  const { version } = event;
  if (event.type === 'UserRegistered') {
    const { id } = parseStream(event.stream);
    return { id, version, name: event.data.name, registeredAt: event.at, status: 'active', ...noPreferences };
  }
  if (!row) throw new Error(`${event.stream} goes on before it began`);
  switch (event.type) {
    case 'ProfileChanged':
      return { ...row, version, name: event.data.name };
    case 'PreferencesChanged': {
      const { instructions, theme, language } = event.data;
      return { ...row, version, instructions, theme, language };
    }
    case 'UserSuspended':
      return { ...row, version, status: 'suspended' };
    case 'UserReinstated':
      return { ...row, version, status: 'active' };
    case 'UserErased':
      return { ...row, version, status: 'erased', ...noPreferences };
    case 'ErasureCompleted':
      return { ...row, version };
  }
}

/** A person's relation to a conversation about which there is no event. */
export const noRelation = (conversation: Uuid, person: Uuid): Relation => ({
  conversation,
  person,
  readSeq: 0,
  pinned: false,
  archived: false,
  hidden: false,
  tags: [],
  leaf: null,
});

export function foldMembership(before: MembershipRow | undefined, event: Envelope<MembershipEvent>): MembershipRow {
  const { version, type, data } = event;
  const { id } = parseStream(event.stream);
  const row = { id, role: null, source: 0, ...noRelation(data.conversation, data.user), ...before, version };
  switch (type) {
    case 'ConversationRead':
      return { ...row, readSeq: data.seq };
    case 'MembershipJoined':
      return { ...row, role: data.role, source: data.source };
    case 'MembershipLeft':
      return { ...row, role: null, source: data.source };
    case 'ConversationPinned':
      return { ...row, pinned: data.pinned };
    case 'ConversationArchived':
      return { ...row, archived: data.archived };
    case 'ConversationTagged':
      return { ...row, tags: data.tags };
    case 'BranchChosen':
      return { ...row, leaf: data.leaf };
    case 'ConversationHidden':
      return { ...row, hidden: data.hidden };
  }
}
