import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandClient } from '../../../commands/client/client.js';
import { streamOf } from '../../../domain/ids.js';
import { type Harness, astray, startHarness } from '../../testing.js';
import { eventsOf, tell } from './testing.js';

type Send = CommandClient['send'];

let harness: Harness;
let between: (send: Send) => Send = (send) => send;
beforeAll(async () => {
  harness = await startHarness({
    roles: { olga: ['user', 'ops'], oleg: ['ops'], anna: ['user', 'analyst'] },
    commands: (real) => ({ send: (draft) => between(real.send)(draft) }),
  });
  for (const person of ['ana', 'olga', 'oleg', 'anna']) await harness.ask(person, '{ viewer { user { id } } }');
}, 60_000);
afterAll(() => harness.stop());

/** A person nobody has met, who signs in, and an id for a command about them. */
let people = 0;
async function newPerson() {
  const subject = `person ${people++}`;
  await harness.ask(subject, '{ viewer { user { id } } }');
  return {
    subject,
    id: harness.userOf(subject),
    user: `user_${harness.userOf(subject)}`,
    commandId: harness.newId(subject),
  };
}

const told = async (id: string) =>
  (await eventsOf(harness))
    .filter(({ stream, data }) => stream === `user-${id}` || ('target' in data && data.target === id))
    .filter(({ type }) => type !== 'UserRegistered')
    .map(({ type, actor, data }) => ({ type, actor, data }));

const outcome = async (subject: string, id: string): Promise<unknown> =>
  (await harness.ask(subject, 'query ($id: UUID!) { commandOutcome(id: $id) { __typename } }', { id })).data;

describe('to suspend a person', () => {
  it('is done by the installation, and stands in the audit with who asked and why', async () => {
    const { id, user, commandId } = await newPerson();
    const wish = { commandId, user, reason: 'Sends spam' };
    const first = await tell(harness, 'olga', 'userSuspend', wish);
    expect(first).toMatchObject({ __typename: 'Accepted' });
    const by = harness.userOf('olga');
    const expected = [
      { type: 'UserSuspended', actor: 'system', data: { by, reason: 'Sends spam' } },
      {
        type: 'OperatorActed',
        actor: 'system',
        data: { by, action: 'suspend user', target: id, reason: 'Sends spam' },
      },
    ];
    const byType = <T extends { type: string }>(all: readonly T[]): readonly T[] =>
      all.toSorted((a, b) => b.type.localeCompare(a.type));
    expect(byType(await told(id))).toEqual(byType(expected));
    expect(await tell(harness, 'olga', 'userSuspend', wish)).toEqual(first);
    expect(await told(id)).toHaveLength(2);
    expect(await outcome('olga', commandId)).toEqual({ commandOutcome: { __typename: 'Accepted' } });
    expect(await outcome('oleg', commandId)).toEqual({ commandOutcome: null });
    expect(await outcome('ana', commandId)).toEqual({ commandOutcome: null });
  });

  it('needs a reason, and is not told as done where it was so already', async () => {
    const { subject, id, user, commandId } = await newPerson();
    expect(await tell(harness, 'olga', 'userSuspend', { commandId, user, reason: ' ' })).toMatchObject({
      code: 'INVALID',
    });
    const again = (by: string, reason: string) =>
      tell(harness, by, 'userSuspend', { commandId: harness.newId(subject), user, reason });
    expect(await again('olga', 'Sends spam')).toMatchObject({ __typename: 'Accepted' });
    expect(await again('oleg', 'I saw it too')).toMatchObject({ __typename: 'Accepted' });
    expect(await told(id)).toHaveLength(2);
  });

  it('is not taken for another by the same id of another operator', async () => {
    const [one, two] = [await newPerson(), await newPerson()];
    const commandId = one.commandId;
    expect(await tell(harness, 'olga', 'userSuspend', { commandId, user: one.user, reason: 'One' })).toMatchObject({
      __typename: 'Accepted',
    });
    expect(await tell(harness, 'olga', 'userReinstate', { commandId, user: one.user, reason: 'No' })).toMatchObject({
      code: 'COMMAND_ID_REUSED',
    });
    expect(
      await tell(harness, 'oleg', 'userReinstate', { commandId, user: one.user, reason: 'A mistake' }),
    ).toMatchObject({
      __typename: 'Accepted',
    });
    expect((await told(one.id)).map(({ type }) => type).toSorted()).toEqual([
      'OperatorActed',
      'OperatorActed',
      'UserReinstated',
      'UserSuspended',
    ]);
    expect(await tell(harness, 'olga', 'userSuspend', { commandId, user: two.user, reason: 'Two' })).toMatchObject({
      code: 'WRONG_BUCKET',
    });
    const strayed = { commandId: astray(two.commandId), user: two.user, reason: 'Two' };
    expect(await tell(harness, 'olga', 'userSuspend', strayed)).toMatchObject({ code: 'WRONG_BUCKET' });
    expect(await told(two.id)).toEqual([]);
  });

  it('is accepted only once the audit has it; sent again, it goes on there', async () => {
    const { id, user, commandId } = await newPerson();
    between = (send) => async (draft) =>
      draft.type === 'RecordAction' ? { status: 'pending', command: draft.id } : send(draft);
    const wish = { commandId, user, reason: 'Sends spam' };
    expect(await tell(harness, 'olga', 'userSuspend', wish)).toEqual({ __typename: 'Pending', commandId });
    expect(await told(id)).toMatchObject([{ type: 'UserSuspended' }]);
    expect(await outcome('olga', commandId)).toEqual({ commandOutcome: null });
    between = (send) => send;
    expect(await tell(harness, 'olga', 'userSuspend', wish)).toMatchObject({ __typename: 'Accepted' });
    expect((await told(id)).map(({ type }) => type).toSorted()).toEqual(['OperatorActed', 'UserSuspended']);
    expect(await outcome('olga', commandId)).toEqual({ commandOutcome: { __typename: 'Accepted' } });
  });

  it('is not for oneself: the last operator would lock everybody out for good', async () => {
    const own = harness.userOf('oleg');
    const wish = { commandId: harness.newId('oleg'), user: `user_${own}`, reason: 'A slip' };
    expect(await tell(harness, 'oleg', 'userSuspend', wish)).toMatchObject({ code: 'INVALID' });
    expect(await told(own)).toEqual([]);
    expect((await harness.ask('oleg', '{ lag { view } }')).errors).toBeUndefined();
  });

  it('is for ops alone, and of people that there are', async () => {
    const { id, user, commandId } = await newPerson();
    for (const subject of ['ana', 'anna']) {
      const refused = { __typename: 'Rejected', code: 'FORBIDDEN' };
      expect(await tell(harness, subject, 'userSuspend', { commandId, user, reason: 'x' })).toMatchObject(refused);
      expect(await tell(harness, subject, 'userReinstate', { commandId, user, reason: 'x' })).toMatchObject(refused);
    }
    expect(await told(id)).toEqual([]);
    const nobody = { commandId: harness.newId('nobody'), user: `user_${harness.userOf('nobody')}`, reason: 'x' };
    expect(await tell(harness, 'olga', 'userSuspend', nobody)).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('to try a dead letter again', () => {
  const retry = async (who: string, stream: string, reason: string): Promise<unknown> => {
    const query =
      'mutation ($stream: String!, $reason: String!) { deadLetterRetry(view: "core", stream: $stream, reason: $reason) }';
    return (await harness.ask(who, query, { stream, reason })).errors?.[0]?.extensions?.code;
  };
  const audit = async (stream: string) =>
    (await eventsOf(harness)).flatMap(({ type, data }) =>
      type === 'OperatorActed' && 'target' in data && data.target === `core ${stream}` ? [data] : [],
    );

  it('stands in the audit with who did it and why, each time', async () => {
    const by = harness.userOf('olga');
    const stream = streamOf('user', by);
    const acted = { by, action: 'retry', target: `core ${stream}` };
    expect(await retry('olga', stream, 'It is mended')).toBe('NOT_PARKED');
    expect(await audit(stream)).toEqual([{ ...acted, reason: 'It is mended' }]);
    expect(await retry('olga', stream, 'Now it is')).toBe('NOT_PARKED');
    expect(await audit(stream)).toHaveLength(2);
  });

  it('is not done without a reason, by others, of what is no stream, or where it cannot be recorded', async () => {
    const stream = streamOf('user', harness.userOf('oleg'));
    expect(await retry('olga', 'user-y', 'It is mended')).toBe('BAD_INPUT');
    expect(await retry('olga', stream, ' ')).toBe('BAD_INPUT');
    expect(await retry('olga', stream, 'x'.repeat(501))).toBe('BAD_INPUT');
    expect(await retry('anna', stream, 'I want to')).toBe('FORBIDDEN');
    between = () => async (draft) => ({ status: 'pending', command: draft.id });
    expect(await retry('olga', stream, 'It is mended')).toBe('UNAVAILABLE');
    between = (send) => send;
    expect(await audit(stream)).toEqual([]);
  });
});

it('left no fault behind', () => {
  expect(harness.failures).toEqual([]);
});
