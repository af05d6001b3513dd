import { contentOf, limits } from './content.js';
import type { AssistantCommand, Attempt, ConversationEvent, NewTitle, ReplyEnd } from './conversation-events.js';
import { type ConversationState, type Decision, keyIn } from './conversation-state.js';
import { type Rejection, reject } from './decider.js';
import { sealFault, textFault } from './faults.js';
import type { Uuid } from './ids.js';
import { partsFault } from './messages.js';
import { lookUp } from './tree.js';

// What the assistant does: replies and titles. Both are claimed by an attempt, the next one only, and end once: the first
// end of the running attempt wins.

const notFound = reject('NOT_FOUND', 'This reply does not exist.');

const overtaken = (what: string, asked: number, { attempt, ended }: { attempt: number; ended: boolean }): Rejection =>
  reject('STALE', `${what} is at attempt ${attempt}${ended ? ', ended' : ''}: ${asked} comes too late or too early.`);

function claimReply({ tree }: ConversationState, data: { reply: Uuid } & Attempt): Decision {
  const reply = lookUp(tree, data.reply)?.reply;
  if (!reply) return notFound;
  return reply.ended || data.attempt !== reply.attempt + 1
    ? overtaken('The reply', data.attempt, reply)
    : [{ type: 'ReplyStarted', data }];
}

function endReply(state: ConversationState, id: Uuid, ended: ConversationEvent & { data: ReplyEnd }): Decision {
  const { reply: name, attempt, parts } = ended.data;
  const reply = lookUp(state.tree, name)?.reply;
  if (!reply) return notFound;
  if (reply.ended) return [];
  if (reply.attempt !== attempt) return overtaken('The reply', attempt, reply);
  return partsFault(parts, keyIn(id, state, reply.by), name) ?? [ended];
}

/** What is wrong with a title under a key, if anything. */
export const titleFault = (id: Uuid, { title, chars }: NewTitle, key: string): Rejection | undefined =>
  textFault('A title', chars, limits.title) ?? sealFault(title, key, contentOf.title(id));

/** A title is only bettered while it is the one that the conversation started with: people's choice stands. */
const isOpenTitle = ({ status, title }: ConversationState): boolean => status === 'open' && title.first && !title.ended;

function claimTitle(state: ConversationState, data: Attempt): Decision {
  const { title } = state;
  return isOpenTitle(state) && data.attempt === title.attempt + 1
    ? [{ type: 'TitleStarted', data }]
    : overtaken('The title', data.attempt, { ...title, ended: !isOpenTitle(state) });
}

function endTitle(state: ConversationState, attempt: number, end: () => Decision): Decision {
  const { title } = state;
  if (title.ended) return [];
  return isOpenTitle(state) && attempt === title.attempt && attempt > 0
    ? end()
    : overtaken('The title', attempt, { ...title, ended: !isOpenTitle(state) });
}

/** What the assistant asks for. What was promised comes to its end, in a deleted conversation too. */
export function assistantDecides({ type, data }: AssistantCommand, id: Uuid, state: ConversationState): Decision {
  switch (type) {
    case 'ClaimReply':
      return claimReply(state, data);
    case 'CompleteReply':
      return endReply(state, id, { type: 'ReplyCompleted', data });
    case 'FailReply':
      return endReply(state, id, { type: 'ReplyFailed', data });
    case 'EndStoppedReply':
      return endReply(state, id, { type: 'ReplyStopped', data });
    case 'ClaimTitle':
      return claimTitle(state, data);
    case 'SetTitle':
      return endTitle(state, data.attempt, () => {
        const { title, chars } = data;
        const fault = titleFault(id, data, keyIn(id, state, state.starter));
        return fault ?? [{ type: 'ConversationRenamed', data: { title, chars, by: 'automatic' } }];
      });
    case 'FailTitle':
      return endTitle(state, data.attempt, () => [{ type: 'TitleFailed', data }]);
  }
}
