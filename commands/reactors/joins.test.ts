import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SYSTEM } from '../../domain/decider.js';
import { membershipId, membershipStream, nameFor, partitionOf, streamOf, bucketOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import type { CommandClient, Draft } from '../client/client.js';
import { PARTITIONS, ada, nextId } from '../worker/testing.js';
import { quick } from './models/testing.js';
import { type Bench, type Process, openBench } from './testing.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const bob = clientId(2, 0x900);

const start = (more: Partial<Process> = {}, name = 1) =>
  bench.start(quick().responder, name, { kinds: ['membership'], ...more });

type Change = Extract<Draft['type'], 'AddMember' | 'ChangeRole' | 'RemoveMember'>;
const change = (conversation: string, type: Change, role: 'writer' | 'reader' | 'owner' = 'writer', user = bob) => {
  const common = { id: nextId(), actor: ada, stream: streamOf('conversation', conversation) };
  return bench.send(
    type === 'RemoveMember' ? { ...common, type, data: { user } } : { ...common, type, data: { user, role } },
  );
};

/** What a person's home was told, in a word for each event. */
const told = (conversation: string, user = bob): readonly string[] =>
  bench.events.flatMap(({ stream, type, data }) => {
    if (stream !== membershipStream(conversation, user)) return [];
    if (type === 'MembershipJoined') return [`joined as ${data.role} at ${data.source}`];
    return type === 'MembershipLeft' ? [`left at ${data.source}`] : [];
  });

const taken = (): readonly number[] =>
  bench.events.flatMap(({ type, data }) => (type === 'MembershipTold' ? [data.version] : []));

const nothingOwed = async (): Promise<void> => {
  const view = bench.view();
  await expect.poll(() => view.owed().filter(({ kind }) => kind === 'membership')).toEqual([]);
};

describe('a membership', () => {
  it('is told to the home of its person, which is another one, and ends at its own', async () => {
    expect(partitionOf(bucketOf(bob), PARTITIONS)).not.toBe(partitionOf(bucketOf(ada), PARTITIONS));
    await start();
    const { conversation } = await bench.ask();
    await change(conversation, 'AddMember', 'reader');
    await bench.seen('MembershipTold');
    expect(told(conversation)).toEqual(['joined as reader at 4']);
    const [joined] = await bench.seen('MembershipJoined');
    expect(joined).toMatchObject({
      actor: SYSTEM,
      cause: nameFor(membershipStream(conversation, bob), membershipId(conversation, bob), 'relation:4'),
      data: { conversation, user: bob, by: ada },
    });
    await change(conversation, 'ChangeRole', 'owner');
    await bench.seen('MembershipTold', undefined, 2);
    await change(conversation, 'RemoveMember');
    await bench.seen('MembershipTold', undefined, 3);
    expect(told(conversation)).toEqual(['joined as reader at 4', 'joined as owner at 6', 'left at 8']);
    expect(taken()).toEqual([4, 6, 8]);
    await nothingOwed();
  });

  it('of who starts a conversation is told nobody until it changes', async () => {
    await start();
    const { conversation } = await bench.ask();
    await bench.quiet();
    expect(told(conversation, ada)).toEqual([]);
    await change(conversation, 'AddMember', 'owner');
    await bench.seen('MembershipTold');
    await change(conversation, 'RemoveMember', 'owner', ada);
    await bench.seen('MembershipTold', undefined, 2);
    expect(told(conversation, ada)).toEqual(['left at 6']);
  });

  it('that ended and began again before anybody was told is told as it is in the end', async () => {
    const { conversation } = await bench.ask();
    await change(conversation, 'AddMember', 'reader');
    await change(conversation, 'RemoveMember');
    await change(conversation, 'AddMember', 'writer');
    await bench.seen('MemberAdded', undefined, 2);
    await start();
    await bench.seen('MembershipTold');
    await bench.quiet();
    expect(told(conversation)).toEqual(['joined as writer at 6']);
    expect(taken()).toEqual([6]);
    await nothingOwed();
  });
});

/** A client whose sends of a type wait until they are let go. */
function held(type: Draft['type']) {
  const waiting: (() => void)[] = [];
  const client: CommandClient = {
    send: async (draft) => {
      if (draft.type === type) await new Promise<void>((resolve) => waiting.push(resolve));
      return bench.client.send(draft);
    },
  };
  return { client, waiting };
}

describe('news that overtake each other', () => {
  it('end as the newest has it: an older one that arrives last changes nothing', async () => {
    const { client, waiting } = held('JoinConversation');
    const slow = await start({ client });
    const { conversation } = await bench.ask();
    await change(conversation, 'AddMember');
    await expect.poll(() => waiting).toHaveLength(1);
    await change(conversation, 'RemoveMember');
    await bench.seen('MemberRemoved');
    await start({}, 2);
    await bench.seen('MembershipTold');
    expect(told(conversation)).toEqual(['left at 5']);
    // Only now the news of the joining arrive.
    for (const go of waiting) go();
    await bench.quiet();
    await slow.stop();
    expect(told(conversation)).toEqual(['left at 5']);
    expect(taken()).toEqual([5]);
    await nothingOwed();
  });

  it('are told one after the other by one process, which drops what is overtaken', async () => {
    const { client, waiting } = held('JoinConversation');
    await start({ client });
    const { conversation } = await bench.ask();
    await change(conversation, 'AddMember');
    await expect.poll(() => waiting).toHaveLength(1);
    await change(conversation, 'RemoveMember');
    await change(conversation, 'AddMember', 'reader');
    await bench.seen('MemberAdded', undefined, 2);
    waiting[0]?.();
    await expect.poll(() => waiting).toHaveLength(2);
    waiting[1]?.();
    await bench.seen('MembershipTold');
    expect(told(conversation)).toEqual(['joined as writer at 4', 'joined as reader at 6']);
    expect(taken()).toEqual([6]);
    await nothingOwed();
  });
});
