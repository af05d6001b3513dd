import { type GraphQLObjectType, getNamedType, isLeafType, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { membershipStream } from '../../domain/ids.js';
import { eventsOf } from '../schema/mutations/testing.js';
import { ephemeral, wishesOf } from '../schema/mutations/wishes-testing.js';
import { houseCommandId } from '../schema/outcome.js';
import { schema } from '../schema/schema.js';
import { act, bare } from '../schema/testing.js';
import type { Harness } from '../testing.js';
import { type Audience, type Row, audiences, table } from './table.js';
import { type Got, type Spoiled, ask, follow, startSpoiled, under } from './testing.js';
import { found, ownOf, waysTo } from './ways-testing.js';
import { type Shared, makeShared, makeStage, suspend } from './world-testing.js';

let harness: Harness;
let shared: Shared;
const spoiled: Spoiled = { stream: undefined, unanswered: new Set() };
beforeAll(async () => {
  harness = await startSpoiled(spoiled);
  shared = await makeShared(harness, spoiled);
  await suspend(harness);
}, 120_000);
afterAll(() => harness.stop());

const capital = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);

/** What is wrong with a row, given what each of them got. */
function faultsOf({ name, cells }: Row, got: ReadonlyMap<Audience, Got>): readonly string[] {
  const same: string[] = [];
  return [...cells].flatMap(([who, cell]) => {
    const there = got.get(who) ?? { data: undefined };
    const word = 'code' in there ? there.code : isNothing(there.data) ? 'null' : 'value';
    const wanted = cell === 'yes' || cell === 'own' ? 'value' : cell;
    const text = JSON.stringify(there);
    if (word !== wanted) return [`${who} gets ${text}, and ${cell} was said`];
    if (cell === 'yes' && (same[0] ??= text) !== text) return [`${who} gets ${text}, and others ${same[0]}`];
    if (cell !== 'own' || 'code' in there) return [];
    const own = ownOf(shared, who).get(name);
    if (own === undefined) return isTyped(there.data) ? [] : [`nobody said what the own of ${who} is: ${text}`];
    const matches = typeof own === 'function' ? own(there.data) : JSON.stringify(own) === JSON.stringify(there.data);
    return matches ? [] : [`${who} gets ${text}, and theirs is ${JSON.stringify(own)}`];
  });
}

const isNothing = (value: unknown): boolean =>
  value === null || value === undefined || (Array.isArray(value) && value.length === 0);

/** An object of which only its type was asked for, or several. */
const isTyped = (value: unknown): boolean =>
  under(value, '__typename') !== undefined || (Array.isArray(value) && value.every(isTyped));

async function everybody(tried: (who: Audience) => Promise<Got>): Promise<ReadonlyMap<Audience, Got>> {
  const got = new Map<Audience, Got>();
  for (const who of audiences) got.set(who, await tried(who));
  return got;
}

const objects = Object.values(schema.getTypeMap()).filter(
  (type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith('__'),
);
const rootNames = new Set(['Query', 'Mutation', 'Subscription']);
const namesOf = (rows: readonly Row[]): readonly string[] => rows.map(({ name }) => name);

describe('the table', () => {
  it('has a row for everything that can be asked for, done or followed, and for nothing else', () => {
    const there = objects
      .filter(({ name }) => rootNames.has(name))
      .flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
    const said = namesOf(table.roots).map((name) => name.replace(/:.*/s, ''));
    expect([...new Set(said)].toSorted()).toEqual(there.toSorted());
  });

  it('has a row for every type that has an id, and for nothing else', () => {
    const node = schema.getType('Node');
    const there = objects.filter((type) => type.getInterfaces().some((each) => each === node)).map(({ name }) => name);
    const said = namesOf(table.nodes).map((name) => name.replace(/:.*/s, ''));
    expect([...new Set(said)].toSorted()).toEqual(there.toSorted());
  });

  it('has a row for every field of every type, or for the type, and for nothing else', () => {
    const rows = new Set(namesOf(table.fields));
    const plain = objects.filter(({ name }) => !rootNames.has(name));
    const there = plain.flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
    const typeOf = (field: string): string => field.split('.')[0] ?? '';
    expect(there.filter((field) => !rows.has(field) && !rows.has(typeOf(field)))).toEqual([]);
    const known = new Set([...there, ...plain.map(({ name }) => name)]);
    expect([...rows].filter((name) => !known.has(name))).toEqual([]);
  });
});

/** Archives a person's own conversation, or takes it back. */
const archive = (who: Audience, archived: boolean): Promise<string> => {
  const [user, conversation] = [harness.userOf(who), bare(shared.own.get(who) ?? '')];
  const stream = membershipStream(conversation, user);
  return act(harness, { actor: user, stream, type: 'ArchiveConversation', data: { conversation, archived } });
};

/** Somebody tries to get at some fields of a type, by one way. */
async function reach(name: string, fields: readonly string[], who: Audience): Promise<Got> {
  const type = schema.getType(name.split('.')[0] ?? '');
  if (!isObjectType(type)) throw new Error(`${name} is of no object`);
  const ways = waysTo(shared, who);
  const way = ways.get(name) ?? ways.get(type.name);
  if (!way) throw new Error(`there is no way to ${name}`);
  const selection = fields.map((field) => {
    const of = type.getFields()[field]?.type;
    return of && isLeafType(getNamedType(of)) ? field : `${field} { __typename }`;
  });
  const query = way.query.replace('FIELDS', selection.join(' '));
  const got = query.startsWith('subscription') ? await updated(name, query, who) : await ask(harness, who, query);
  return 'code' in got ? got : { data: found(got.data, way.at) };
}

/** The first update, or the first in which there is what is looked for. */
function updated(name: string, query: string, who: Audience): Promise<Got> {
  const main = bare(shared.main);
  if (name === 'TypingUpdate') harness.sessions.setTyping(main, harness.userOf('tess'), true);
  let asked = false;
  return follow(harness, who, query, (data) => {
    if (name === 'TypingUpdate') return !isNothing(found(data, 'typing.people'));
    if (name !== 'InboxUpdate.gone' || !isNothing(found(data, 'inbox.gone'))) return true;
    if (!asked) archive(who, true).catch((error: unknown) => harness.failures.push(error));
    asked = true;
    return false;
  });
}

describe('fields', () => {
  const names = new Set(namesOf(table.fields));

  it.each(table.fields.map((row) => [row.name, row] as const))('%s', async (name, row) => {
    const [typeName = '', one] = name.split('.');
    const type = objects.find((each) => each.name === typeName);
    const all = Object.keys(type?.getFields() ?? {}).filter((field) => !names.has(`${typeName}.${field}`));
    const fields = one === undefined ? all : [one];
    const ways = waysTo(shared, 'owner');
    const apart = fields.filter((field) => ways.has(`${typeName}.${field}`));
    const together = fields.filter((field) => !apart.includes(field));
    const groups = [...(together.length > 0 ? [together] : []), ...apart.map((field) => [field])];
    const faults: string[] = [];
    for (const group of groups) {
      const [first = ''] = group;
      const by = apart.includes(first) ? `${typeName}.${first}` : typeName;
      const got = await everybody((who) => reach(by, group, who));
      for (const field of group) {
        const each = new Map([...got].map(([who, there]) => [who, pick(there, field)]));
        faults.push(...faultsOf({ ...row, name: `${typeName}.${field}` }, each).map((fault) => `${field}: ${fault}`));
      }
    }
    if (name === 'InboxUpdate.gone') for (const who of shared.own.keys()) await archive(who, false);
    expect(faults).toEqual([]);
  });
});

const pick = (got: Got, field: string): Got => ('code' in got ? got : { data: under(got.data, field) });

describe('nodes', () => {
  const idOf = (name: string, who: Audience): string | undefined => {
    const ids: Readonly<Record<string, string | undefined>> = {
      'User: oneself': shared.users.get(who),
      'User: the owner': shared.users.get('owner'),
      'User: a guest of none of these': shared.users.get('guest'),
      Conversation: shared.main,
      'Conversation: deleted': shared.deleted.conversation,
      'Conversation: temporary': shared.temporary.conversation,
      Message: shared.message,
      'Message: of a deleted one': shared.deleted.message,
      'Message: of a temporary one': shared.temporary.message,
    };
    return ids[name];
  };

  it.each(table.nodes.map((row) => [row.name, row] as const))('%s', async (name, row) => {
    const node = await everybody(async (who) => {
      const got = await ask(harness, who, `{ node(id: "${idOf(name, who)}") { __typename id } }`);
      return 'code' in got ? got : { data: found(got.data, 'node') };
    });
    expect(faultsOf(row, node)).toEqual([]);
    const nodes = await everybody(async (who) => {
      const got = await ask(harness, who, `{ nodes(ids: ["${idOf(name, who)}"]) { __typename id } }`);
      return 'code' in got ? got : { data: found(got.data, 'nodes.0') };
    });
    expect(nodes).toEqual(node);
  });
});

const isOf =
  (kind: string) =>
  ({ name }: Row) =>
    name.startsWith(`${kind}.`);

describe('what can be asked for', () => {
  const questions = (): Readonly<Record<string, string>> => ({
    viewer: 'viewer { user { id } }',
    conversation: `conversation(id: "${shared.main}") { id }`,
    user: `user(id: "${shared.users.get('owner')}") { id }`,
    node: `node(id: "${shared.message}") { id }`,
    nodes: `nodes(ids: ["${shared.message}"]) { id }`,
    commandOutcome: `commandOutcome(id: "${shared.accepted}") { ... on Accepted { position } }`,
    lag: 'lag { view home }',
    deadLetters: 'deadLetters { stream }',
  });

  it.each(table.roots.filter(isOf('Query')).map((row) => [row.name, row] as const))('%s', async (name, row) => {
    const field = name.slice('Query.'.length);
    const got = await everybody(async (who) => {
      const there = await ask(harness, who, `{ ${questions()[field]} }`);
      // A list that has nothing for them has nothing.
      return 'code' in there ? there : { data: found(there.data, field === 'nodes' ? 'nodes.0' : field) };
    });
    expect(faultsOf(row, got)).toEqual([]);
  });
});

describe('what can be followed', () => {
  const streams = (): Readonly<Record<string, string>> => ({
    conversationEvents: `conversationEvents(id: "${shared.main}", asOf: 0) { to }`,
    replyDeltas: `replyDeltas(id: "${shared.running}") { text }`,
    typing: `typing(conversation: "${shared.main}") { people { id } }`,
    inbox: 'inbox { conversations { id } }',
  });

  it.each(table.roots.filter(isOf('Subscription')).map((row) => [row.name, row] as const))('%s', async (name, row) => {
    const field = name.slice('Subscription.'.length);
    const got = await everybody(async (who) => {
      if (field === 'typing') harness.sessions.setTyping(bare(shared.main), harness.userOf('tess'), true);
      const there = await follow(harness, who, `subscription { ${streams()[field]} }`, () => true);
      return 'code' in there ? there : { data: found(there.data, field) };
    });
    expect(faultsOf(row, got)).toEqual([]);
  });
});

describe('what can be done', () => {
  const wishes = wishesOf(() => harness);
  const commands = table.roots.filter(isOf('Mutation')).filter(({ name }) => !ephemeral.has(name.split('.')[1] ?? ''));

  /** What concerns an account is done to that of a double, for the others are needed. */
  const doubled = new Set(['profileChange', 'preferencesChange', 'accountErase']);

  it.each(commands.map((row) => [row.name, row] as const))(
    '%s',
    async (name, row) => {
      const [field = '', variant] = name.slice('Mutation.'.length).split(': ');
      const wish = wishes[field];
      if (!wish) throw new Error(`nobody says how to ask for ${field}`);
      const stage = async () => {
        const world = await makeStage(harness);
        await wish.before?.(world);
        return world;
      };
      let world = await stage();
      const document = `mutation ($input: ${capital(field)}Input!) { ${field}(input: $input) {
      __typename ... on CommandError { code message } } }`;
      const faults: string[] = [];
      for (const [who, cell] of row.cells) {
        const asker = doubled.has(field) && cell === 'yes' ? `${who} double` : who;
        const commandId = harness.newId(wish.home?.(world, asker) ?? 'owner');
        const oneself = variant === 'oneself' ? { user: `user_${harness.userOf(asker)}` } : {};
        const input = { ...wish.input(world, asker), ...oneself, commandId };
        const got = await ask(harness, asker, document, { input });
        const outcome = 'code' in got ? undefined : under(got.data, field);
        const type = under(outcome, '__typename');
        const word = 'code' in got ? got.code : type === 'Accepted' ? 'yes' : under(outcome, 'code');
        const causes = new Set([commandId, houseCommandId(harness.userOf(asker), commandId)]);
        const made = (await eventsOf(harness)).filter(({ cause }) => causes.has(cause)).map((event) => event.type);
        if (word !== cell) faults.push(`${who} gets ${String(word)}, and ${cell} was said`);
        // What is done stands in the log, and of what is refused nothing does.
        if (made.includes(wish.event) !== (cell === 'yes')) faults.push(`${who} made ${made.join(', ') || 'nothing'}`);
        if (made.length > 0) world = await stage();
      }
      expect(faults).toEqual([]);
    },
    60_000,
  );

  it('Mutation.typingSet', async () => {
    const row = table.roots.find(({ name }) => name === 'Mutation.typingSet');
    const main = bare(shared.main);
    const got = await everybody(async (who) => {
      const there = await ask(harness, who, `mutation { typingSet(conversation: "${shared.main}", typing: true) }`);
      const typists = await harness.sessions.readTyping(main);
      expect(typists.includes(harness.userOf(who))).toBe(row?.cells.get(who) === 'yes');
      return 'code' in there ? there : { data: found(there.data, 'typingSet') };
    });
    expect(row && faultsOf(row, got)).toEqual([]);
  });

  it('Mutation.deadLetterRetry', async () => {
    const row = table.roots.find(({ name }) => name === 'Mutation.deadLetterRetry');
    const parked = (): Promise<Got> => ask(harness, 'ops', '{ deadLetters { stream } }');
    spoiled.stream = undefined;
    const got = await everybody(async (who) => {
      expect(await parked()).toEqual({ data: { deadLetters: [{ stream: shared.stuck }] } });
      const wish = `view: "core", stream: "${shared.stuck}", reason: "It is mended"`;
      const there = await ask(harness, who, `mutation { deadLetterRetry(${wish}) }`);
      return 'code' in there ? there : { data: found(there.data, 'deadLetterRetry') };
    });
    expect(row && faultsOf(row, got)).toEqual([]);
    expect(await parked()).toEqual({ data: { deadLetters: [] } });
  });
});
