import { type ExecutionArgs, type ExecutionResult } from 'graphql';
import type { Uuid } from '../../domain/ids.js';
import type { Context, Services } from '../context.js';
import type { Execution, OnEvent } from '../execution.js';
import { createSharedLoaders } from '../loaders.js';
import { manyFollowConversation } from './conversation.js';
import { type Rendered, type Seat, createGroups } from './groups.js';
import { manyFollowReply } from './reply.js';
import { manyFollowTyping } from './typing.js';

/** Sends a result on the socket and under the id of an operation. False, and not sent, where too much is unread. */
export type Send = (payload: Buffer) => boolean;

/** Who follows what with whom. */
export type LiveGroups = ReturnType<typeof createLiveGroups>;

export const createLiveGroups = (services: Services) => ({
  conversations: createGroups(manyFollowConversation(services)),
  replies: createGroups(manyFollowReply(services)),
  typing: createGroups(manyFollowTyping(services)),
});

export type SeatOptions = {
  readonly services: Services;
  readonly groups: LiveGroups;
  readonly execution: Execution;
  readonly args: ExecutionArgs;
  /** The variables that count: see sharingOf. */
  readonly variables: readonly string[];
  readonly send: Send;
  readonly onEvent?: OnEvent | undefined;
};

/** A seat among all who send the same document with the same variables, but for those that say from where on. */
export const seatFor = ({ services, groups, execution, args, variables, send, onEvent }: SeatOptions): Seat => ({
  document: args.document,
  key: keyOf(variables, args.variableValues ?? {}),
  renderer: (conversation) => createRenderer({ services, groups, execution, args }, conversation),
  send,
  told: (event, count) => onEvent?.(event, count, true),
});

/** Null is not the same as nothing, for which there may be a default. */
const keyOf = (variables: readonly string[], values: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(variables.map((name) => (Object.hasOwn(values, name) ? [values[name]] : [])));

type RendererOptions = Pick<SeatOptions, 'services' | 'groups' | 'execution' | 'args'>;

/**
 * Executes events once for all who get them, in a context without a viewer, and writes them out. Whatever was read only
 * then may be newer than the event: for that, the members are asked for afterwards.
 */
function createRenderer({ services, groups, execution, args }: RendererOptions, conversation: Uuid) {
  let read = false;
  const contextValue: Context = {
    ...services,
    groups,
    lasting: new Set(),
    get identity(): never {
      throw new Error('a field that is marked as shareable asks who the viewer is');
    },
    load: createSharedLoaders(services, () => {
      read = true;
    }),
  };
  const each = execution.each({ ...args, contextValue });
  return async (event: unknown): Promise<Rendered> => {
    read = false;
    const payload = written(await each(event));
    if (!read) return { payload };
    const members = await services.core.members([conversation]);
    return { payload, allowed: new Set(members.map(({ person }) => person)) };
  };
}

/** A result as the protocol has it. */
const written = ({ errors, ...result }: ExecutionResult): Buffer =>
  Buffer.from(JSON.stringify(errors ? { ...result, errors: errors.map((error) => error.toJSON()) } : result));
