import type { CommandClient } from '../../commands/client/client.js';
import { type ReplyStream, assistant } from '../../commands/reactors/assistant.js';
import { builtInResponder, builtInTitler } from '../../commands/reactors/builtin.js';
import { type DestroyKey, erasure } from '../../commands/reactors/erasure.js';
import { type Executor, startExecutor } from '../../commands/reactors/executor.js';
import { expiry } from '../../commands/reactors/expiry.js';
import { insisting } from '../../commands/reactors/insist.js';
import { joins } from '../../commands/reactors/joins.js';
import type { Obligations, ReadBranch, ReadRelations } from '../../commands/reactors/reactor.js';
import { titles } from '../../commands/reactors/titles.js';
import type { Wait } from '../../commands/wait.js';
import type { Uuid } from '../../domain/ids.js';

export type ReactorsOptions = {
  readonly obligations: Obligations;
  readonly relations: ReadRelations;
  readonly branch: ReadBranch;
  readonly client: CommandClient;
  readonly destroyKey: DestroyKey;
  readonly live: ReplyStream;
  /** This process, for its claims. */
  readonly executor: Uuid;
  /** Whether another process may still be at what it has claimed. */
  readonly lives: (executor: Uuid) => Promise<boolean>;
  readonly now: () => number;
  readonly wait: Wait;
  /** Told of what failed. None of it stops the reactors. */
  readonly onFailure: (error: unknown) => void;
};

export type Reactors = {
  /** Resolves when they are at it. Of reactors that are stopped before, it tells nothing of worth. */
  readonly started: Promise<void>;
  /** Resolves when nothing is under way, without waiting for what they would have begun after. */
  stop(): Promise<void>;
};

/** Everything that the log promises, kept by this process once it is ready for it. */
export function startReactors(ready: Promise<unknown>, options: ReactorsOptions): Reactors {
  const stopping = new AbortController();
  let executor: Promise<Executor> | undefined;
  const started = ready.then(async () => {
    if (stopping.signal.aborted) return;
    executor = execute(options);
    await executor;
  });
  return {
    started,
    stop: async () => {
      stopping.abort();
      await executor?.then(
        (running) => running.stop(),
        () => undefined,
      );
    },
  };
}

function execute(options: ReactorsOptions): Promise<Executor> {
  const { client, wait, onFailure } = options;
  const common = { ...options, insist: insisting(client, wait, onFailure) };
  return startExecutor({
    ...options,
    keepers: {
      reply: assistant({ ...common, responder: builtInResponder(wait) }),
      title: titles({ ...common, titler: builtInTitler }),
      membership: joins(common),
      expiry: expiry(common),
      erasure: erasure(common),
    },
  });
}
