import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Envelope } from '../../../domain/event.js';
import { openCore } from '../../testing.js';
import type { CoreQueries } from './rows.js';

// The golden events hold every type and version: the view takes all of them, and moves on with each.

const golden: readonly Envelope[] = readFileSync(new URL('../../../domain/golden.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));
const streamsOf = (type: string): readonly string[] =>
  golden.flatMap((event) => (event.type === type ? [event.stream.slice(event.stream.indexOf('-') + 1)] : []));
const lastOf = (id: string): number => golden.findLast(({ stream }) => stream.endsWith(id))?.version ?? 0;

let queries: CoreQueries;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ queries, close } = await openCore(golden));
});
afterAll(() => close());

describe('the core view of every event there is', () => {
  it('shows each conversation at its last version, so that whoever follows it sees no gap', async () => {
    const started = streamsOf('ConversationStarted');
    expect(started).toHaveLength(3);
    for (const id of started) expect(await queries.conversation(id)).toMatchObject({ id, version: lastOf(id) });
  });

  it('brings back what was restored, and hides what expired', async () => {
    const [restored = '', expired = ''] = [...streamsOf('ConversationRestored'), ...streamsOf('ConversationExpired')];
    expect(await queries.conversation(restored)).toMatchObject({ deleted: false });
    expect(await queries.conversation(expired)).toMatchObject({ deleted: true });
  });

  it('shows copied messages as a branch, its replies ended, none of them news to who copied them', async () => {
    const [fork = ''] = streamsOf('MessagesCopied');
    const copies = golden.find(({ type }) => type === 'MessagesCopied');
    const { messages } = JSON.parse(JSON.stringify(copies?.data ?? {}));
    const rows = await queries.branch(fork, messages[1].message, 10, true);
    expect(rows.map(({ id, author, reply }) => [id, author, reply?.status])).toEqual([
      [messages[1].message, null, 'completed'],
      [messages[0].message, messages[0].author, undefined],
    ]);
    const { lastSeq = 0, starter = '' } = (await queries.conversation(fork)) ?? {};
    expect(lastSeq).toBe(3);
    expect((await queries.seen(starter, [fork])).get(fork)?.postedSeq).toBe(2);
  });

  it('shows people by the name that they have now', async () => {
    const [ada = ''] = streamsOf('ProfileChanged');
    const renamed = golden.find(({ type }) => type === 'ProfileChanged');
    expect(await queries.users([ada])).toEqual([
      expect.objectContaining({ id: ada, name: expect.objectContaining({ content: `${ada}/name` }), status: 'active' }),
    ]);
    expect(renamed?.data).toMatchObject({ name: (await queries.users([ada]))[0]?.name });
  });
});
