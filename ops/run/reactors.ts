import type { CommandClient } from '../../commands/client/client.js';
import { type ReplyStream, assistant } from '../../commands/reactors/assistant.js';
import { builtInResponder } from '../../commands/reactors/builtin.js';
import { type Executor, type Wait, insisting, startExecutor } from '../../commands/reactors/executor.js';
import type { Obligations, ReadBranch } from '../../commands/reactors/reactor.js';
import type { Uuid } from '../../domain/ids.js';

export type ReactorsOptions = {
  readonly obligations: Obligations;
  readonly branch: ReadBranch;
  readonly client: CommandClient;
  readonly live: ReplyStream;
  /** This process, for its claims. */
  readonly executor: Uuid;
  readonly now: () => number;
  readonly wait: Wait;
  /** Told of what failed. None of it stops the reactors. */
  readonly onFailure: (error: unknown) => void;
};

/** Everything that the log promises, kept by this process. */
export function startReactors(options: ReactorsOptions): Promise<Executor> {
  const { obligations, client, wait, onFailure } = options;
  const insist = insisting(client, wait, onFailure);
  const reply = assistant({ ...options, insist, responder: builtInResponder(wait) });
  return startExecutor({ obligations, keepers: { reply }, wait, onFailure });
}
