import { getNamedType, isInputObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, astray, startHarness } from '../../testing.js';
import { houseCommandId } from '../outcome.js';
import { schema } from '../schema.js';
import { type World, eventsOf, makeWorld, tell } from './testing.js';
import { ephemeral, wishesOf } from './wishes-testing.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ roles: { olga: ['user', 'ops'] } });
  for (const person of ['ana', 'guest', 'culprit', 'otto', 'olga', 'zoe']) {
    await harness.ask(person, '{ viewer { user { id } } }');
  }
}, 60_000);
afterAll(() => harness.stop());

const wishes = wishesOf(() => harness);

it('knows every mutation of the schema', () => {
  const fields = Object.keys(schema.getMutationType()?.getFields() ?? {});
  expect(fields.filter((field) => !ephemeral.has(field)).toSorted()).toEqual(Object.keys(wishes).toSorted());
});

/** The fields of an input that are ids, and whether it minds a version. */
function fieldsOf(field: string) {
  const [input] = schema.getMutationType()?.getFields()[field]?.args ?? [];
  const type = input && getNamedType(input.type);
  if (!isInputObjectType(type)) throw new Error(`${field} has no input`);
  const fields = Object.values(type.getFields());
  const ids = fields.filter((one) => ['ID', 'UUID'].includes(getNamedType(one.type).name)).map(({ name }) => name);
  return { ids, minds: fields.some(({ name }) => name === 'expected') };
}

/** Who asks, where it is not who started the conversation. */
const askers: Readonly<Record<string, string>> = { accountErase: 'otto', userSuspend: 'olga', userReinstate: 'olga' };

/** What a stranger is told, where it is not that there is nothing. What concerns themselves alone is theirs to do. */
const toStrangers: Readonly<Record<string, string>> = {
  conversationStart: 'Accepted',
  profileChange: 'Accepted',
  preferencesChange: 'Accepted',
  accountErase: 'Accepted',
  userSuspend: 'FORBIDDEN',
  userReinstate: 'FORBIDDEN',
};

describe.each(Object.entries(wishes))('%s', (field, { input, event, home, before }) => {
  const asks = askers[field] ?? 'ana';
  let world: World;
  let wish: object;
  const idOf = (asker: string): string => harness.newId(home ? home(world, asker) : 'ana');
  beforeAll(async () => {
    world = await makeWorld(harness, 'ana');
    await before?.(world);
    wish = input(world, asks);
  });

  it('says what is wrong with an id', async () => {
    const { ids } = fieldsOf(field);
    expect(ids).toContain('commandId');
    for (const name of ids) {
      const { errors } = await tell(harness, asks, field, { commandId: idOf(asks), ...wish, [name]: 'nonsense' });
      expect({ name, errors }).toMatchObject({
        name,
        errors: [{ extensions: { code: 'BAD_ID' }, message: expect.stringContaining('nonsense') }],
      });
    }
    const v5 = '2ed6657d-e927-568b-95e1-2665a8aea6a2';
    expect(await tell(harness, asks, field, { ...wish, commandId: v5 })).toMatchObject({ code: 'INVALID' });
    expect(await tell(harness, asks, field, { ...wish, commandId: astray(idOf(asks)) })).toMatchObject({
      code: 'WRONG_BUCKET',
    });
  });

  it('of a stranger is done where it is about themselves, and is nothing else to them', async () => {
    const stranger = field === 'accountErase' ? 'another stranger' : 'zoe';
    const result = await tell(harness, stranger, field, { ...input(world, stranger), commandId: idOf(stranger) });
    const said = toStrangers[field] ?? 'NOT_FOUND';
    expect(result).toMatchObject(said === 'Accepted' ? { __typename: said } : { code: said });
  });

  if (fieldsOf(field).minds) {
    it('is not done at another version than the one that was asked for', async () => {
      const late = { ...wish, commandId: idOf(asks), expected: 9_999 };
      expect(await tell(harness, asks, field, late)).toMatchObject({ code: 'VERSION_MISMATCH' });
    });
  }

  it('is done once, however often it is sent', async () => {
    const commandId = idOf(asks);
    const first = await tell(harness, asks, field, { ...wish, commandId });
    expect(first).toEqual({ __typename: 'Accepted', position: expect.any(String) });
    const after = await eventsOf(harness);
    expect(after.filter(({ cause }) => cause === causeOf(field, asks, commandId)).map(({ type }) => type)).toContain(
      event,
    );
    const again = await tell(harness, asks, field, { ...wish, commandId });
    // Once the view shows that they are erased, nothing of theirs is taken.
    const late = field === 'accountErase' && again.errors?.[0]?.extensions?.code === 'ERASED';
    expect(late ? first : again).toEqual(first);
    expect(await eventsOf(harness)).toHaveLength(after.length);
  });
});

/** The id under which a command reaches its owner: what operators ask for, the installation sends under one of its own. */
const causeOf = (field: string, asks: string, commandId: string): string =>
  field.startsWith('user') ? houseCommandId(harness.userOf(asks), commandId) : commandId;

it('left no fault behind', () => {
  expect(harness.failures).toEqual([]);
});
