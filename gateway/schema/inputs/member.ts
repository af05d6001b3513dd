import { builder } from '../builder.js';
import { MemberRole } from '../member.js';
import { ofConversation } from './words.js';

export const MemberAddInput = builder.inputType('MemberAddInput', {
  description: 'A person to take into a conversation. For its owners; a temporary one is for one person alone.',
  fields: (t) => ({
    ...ofConversation(t),
    user: t.id({ description: 'The person. A conversation has at most 100 members.' }),
    role: t.field({ type: MemberRole, description: 'What they may do there.' }),
  }),
});

export const MemberRoleChangeInput = builder.inputType('MemberRoleChangeInput', {
  description: 'Another role for a member. For owners; one owner always stays.',
  fields: (t) => ({
    ...ofConversation(t),
    user: t.id({ description: 'The member.' }),
    role: t.field({ type: MemberRole, description: 'What they may do from now on.' }),
  }),
});

export const MemberRemoveInput = builder.inputType('MemberRemoveInput', {
  description: 'Who is to be a member no longer. Owners remove others, everybody can leave; one owner always stays.',
  fields: (t) => ({ ...ofConversation(t), user: t.id({ description: 'The member; the viewer, to leave.' }) }),
});
