import type { Opener } from '../../commands/keys/opener.js';
import type { ReadBranch } from '../../commands/reactors/reactor.js';
import { contentOf } from '../../domain/content.js';
import type { CoreQueries } from '../../projections/readmodel/core/rows.js';

/** How many turns the assistant is given at most. */
const TURNS = 50;
const PATIENCE = 30_000;

/** Reads branches for the assistant: waits for the view, walks from the leaf to the root, opens what is sealed. */
export function branchReader(core: Pick<CoreQueries, 'branch' | 'reached'>, opener: Pick<Opener, 'open'>): ReadBranch {
  return async (conversation, leaf, after) => {
    if (!(await core.reached(after, PATIENCE))) throw new Error('the core view does not keep up with the log');
    const rows = await core.branch(conversation, leaf, TURNS, true);
    // The view may have started again, empty, after it had reached the position.
    if (rows.length === 0) throw new Error(`the core view does not show message ${leaf} any more`);
    return Promise.all(
      rows.toReversed().map(async ({ id, author, parts, source }) => {
        // What was copied from another conversation stays bound to its place there.
        const items = parts.map(({ text }, n) => ({ sealed: text, content: contentOf.part(source ?? id, n) }));
        const texts = await opener.open(items);
        return {
          role: author === null ? 'assistant' : 'user',
          text: texts.map((text) => text ?? '[deleted]').join(''),
        };
      }),
    );
  };
}
