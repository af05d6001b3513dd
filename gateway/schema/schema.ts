import { builder } from './builder.js';
import './nodes.js';
import './user.js';
import './message.js';
import './member.js';
import './thread.js';
import './conversation.js';
import './membership.js';
import './viewer.js';
import './operators.js';
import './outcome.js';
import './mutations/conversation.js';
import './mutations/message.js';
import './mutations/member.js';
import './mutations/membership.js';
import './mutations/account.js';
import './mutations/operators.js';
import './live.js';

builder.queryType({ description: 'What can be read.' });
builder.mutationType({ description: 'What can be done. Each is a command with an id: sent twice, it is done once.' });
builder.subscriptionType({ description: 'What is live.' });

/** The schema, whole. Its printed form is committed beside it. */
export const schema = builder.toSchema();
