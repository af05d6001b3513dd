import { builder } from '../builder.js';
import { requireNodeId } from '../ids.js';
import { MemberAddInput, MemberRemoveInput, MemberRoleChangeInput } from '../inputs/member.js';
import { CommandOutcome, refused } from '../outcome.js';
import { notFound, seenSoon } from './access.js';
import { aimAtConversation, faultOf, send } from './send.js';
import { INPUT } from '../words.js';

// Who belongs to a conversation.

builder.mutationFields((t) => ({
  memberAdd: t.field({
    type: CommandOutcome,
    description: 'Takes a person into a conversation.',
    args: { input: t.arg({ type: MemberAddInput, description: INPUT }) },
    resolve: async (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const user = requireNodeId('user', input.user);
      const fault = faultOf(aim);
      if (fault) return fault;
      // Asked first: whoever is no owner does not learn whether there is such a person.
      const seen = await seenSoon(context, conversation);
      if (!seen) return notFound;
      if (seen.role !== 'owner') return refused('FORBIDDEN', 'Only owners take people in: ask one of them.');
      const person = await context.load.user.load(user);
      // A conversation takes anybody by their id: whether there is such a person is not its to know.
      if (person?.status !== 'active') {
        return refused('NOT_FOUND', 'There is no such person here: they must have signed in once, and be allowed to.');
      }
      return send(context, conversation, { ...aim, type: 'AddMember', data: { user, role: input.role } });
    },
  }),
  memberRoleChange: t.field({
    type: CommandOutcome,
    description: 'Gives a member another role.',
    args: { input: t.arg({ type: MemberRoleChangeInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const data = { user: requireNodeId('user', input.user), role: input.role };
      return send(context, conversation, { ...aim, type: 'ChangeRole', data });
    },
  }),
  memberRemove: t.field({
    type: CommandOutcome,
    description: 'Removes a member, or leaves: nothing that comes later reaches them.',
    args: { input: t.arg({ type: MemberRemoveInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const data = { user: requireNodeId('user', input.user) };
      return send(context, conversation, { ...aim, type: 'RemoveMember', data });
    },
  }),
}));
