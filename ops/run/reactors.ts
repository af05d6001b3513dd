import type { CommandClient } from '../../commands/client/client.js';
import type { Keys } from '../../commands/keys/keys.js';
import type { Opener } from '../../commands/keys/opener.js';
import { type ReplyStream, assistant } from '../../commands/reactors/assistant.js';
import { builtInResponder, builtInTitler } from '../../commands/reactors/builtin.js';
import { erasure } from '../../commands/reactors/erasure.js';
import { type Executor, type Wait, insisting, startExecutor } from '../../commands/reactors/executor.js';
import { expiry } from '../../commands/reactors/expiry.js';
import { joins } from '../../commands/reactors/joins.js';
import type { Obligations, ReadBranch, ReadRelations } from '../../commands/reactors/reactor.js';
import { titles } from '../../commands/reactors/titles.js';
import type { Uuid } from '../../domain/ids.js';

export type ReactorsOptions = {
  readonly obligations: Obligations;
  readonly relations: ReadRelations;
  readonly branch: ReadBranch;
  readonly client: CommandClient;
  readonly keys: Keys;
  readonly opener: Opener;
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
  const { client, keys, opener, wait, onFailure } = options;
  const common = {
    ...options,
    insist: insisting(client, wait, onFailure),
    destroyKey: async (key: string): Promise<void> => {
      await keys.destroy(key);
      opener.forget(key);
    },
  };
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
