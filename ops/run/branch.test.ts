import { expect, it } from 'vitest';
import type { Opener } from '../../commands/keys/opener.js';
import { seal, unseal } from '../../commands/keys/sealing.js';
import { contentOf } from '../../domain/content.js';
import { clientId } from '../../domain/testing.js';
import type { CoreQueries, MessageRow } from '../../projections/readmodel/core/rows.js';
import { branchReader } from './branch.js';

const key = new Uint8Array(32).fill(7);
const opener: Pick<Opener, 'open'> = {
  open: async (items) =>
    items.map(({ sealed, content }) => (sealed.key === 'user-ana' ? unseal(key, sealed, content) : null)),
};

const [conversation, leaf, source] = [clientId(1), clientId(2), clientId(3)];

/** A message whose text was sealed by somebody for some place. */
const message = (keyId: string, place: string, author: string | null): MessageRow => ({
  source: place === leaf ? null : place,
  feedback: {},
  id: leaf,
  conversation,
  parent: null,
  seq: 1,
  author,
  parts: [{ type: 'text', text: seal(key, keyId, contentOf.part(place, 0), 'A text', new Uint8Array(12)), chars: 6 }],
  at: '2026-01-01T00:00:00.000Z',
  version: 1,
  reply: null,
});

const read = (rows: readonly MessageRow[], reached = true) => {
  const core: Pick<CoreQueries, 'branch' | 'reached'> = { reached: async () => reached, branch: async () => rows };
  return branchReader(core, opener)(conversation, leaf, { partition: 0, offset: 1 });
};

it('reads a branch from its first message on, with what was copied from elsewhere and without what was erased', async () => {
  const rows = [
    message('user-ana', leaf, null),
    message('user-gone', leaf, clientId(8)),
    message('user-ana', source, clientId(9)),
  ];
  expect(await read(rows)).toEqual([
    { role: 'user', text: 'A text' },
    { role: 'user', text: '[deleted]' },
    { role: 'assistant', text: 'A text' },
  ]);
});

it('does not read a view that is behind', async () => {
  await expect(read([], false)).rejects.toThrow('does not keep up with the log');
});

it('takes no answer from a view that has lost what it had', async () => {
  await expect(read([])).rejects.toThrow('does not show message');
});
