import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Dice } from '../../ops/chaos/simulation/dice.js';
import { randomJson, randomText } from './values-testing.js';

/** A request as anybody may send it. */
export type Wild = { readonly query: string; readonly variables: unknown; readonly operationName?: unknown };

/** Documents over the real schema: valid ones, nearly valid ones, and what no grammar knows. `ids` are those that exist. */
export function wildDocuments(schema: GraphQLSchema, ids: readonly string[], dice: Dice): () => Wild {
  const input = (type: GraphQLInputType, deep: number): unknown => {
    if (dice.chance(0.05)) return randomJson(dice, 2);
    if (!isNonNullType(type) && dice.chance(0.1)) return null;
    const bare = getNullableType(type);
    if (isListType(bare)) return Array.from({ length: dice.int(0, 4) }, () => input(bare.ofType, deep));
    if (isEnumType(bare)) return dice.among(bare.getValues())?.name;
    if (isInputObjectType(bare)) {
      const fields = Object.values(bare.getFields()).filter((field) => isNonNullType(field.type) || dice.chance(0.5));
      return Object.fromEntries(fields.map(({ name, type: of }) => [name, deep > 3 ? null : input(of, deep + 1)]));
    }
    const named = getNamedType(bare).name;
    if (named === 'Int') return dice.pick([0, 1, 50, 100, -1, 1e9, dice.int(-5, 200)]);
    if (named === 'Boolean') return dice.chance(0.5);
    if (named === 'ID' || named === 'UUID') return dice.among(ids) ?? 'x';
    return randomText(dice);
  };

  const selection = (type: GraphQLNamedType, deep: number, takes: Takes): string => {
    if (!isCompositeType(type)) return '';
    const parts: string[] = dice.chance(0.2) ? ['__typename'] : [];
    if (!isObjectType(type) && isAbstractType(type)) {
      const on = dice.among(schema.getPossibleTypes(type));
      if (on) parts.push(`... on ${on.name} ${selection(on, deep + 1, takes)}`);
    }
    const fields = 'getFields' in type ? Object.values(type.getFields()).filter(({ name }) => name !== LAST) : [];
    const count = dice.int(1, 4);
    for (let n = 0; n < count; n++) {
      const field = dice.among(fields);
      if (field && (deep < 7 || !isCompositeType(getNamedType(field.type)))) parts.push(one(field, deep, takes));
    }
    return `{ ${parts.join(' ') || '__typename'} }`;
  };

  const one = (field: GraphQLField<unknown, unknown>, deep: number, takes: Takes): string => {
    const given = field.args
      .filter(({ type }) => isNonNullType(type) || dice.chance(0.6))
      .map(({ name, type }) => {
        if (dice.chance(0.3)) return `${name}: ${literal(input(type, 0))}`;
        const variable = `v${takes.definitions.length}`;
        takes.definitions.push(`$${variable}: ${String(type)}`);
        takes.values[variable] = input(type, 0);
        return `${name}: $${variable}`;
      });
    const alias = dice.chance(0.1) ? `${dice.pick(['a', 'b', '__proto__', 'constructor', 'toString'])}: ` : '';
    const directive = dice.chance(0.05)
      ? ` ${dice.pick(['@skip(if: false)', '@include(if: true)', '@defer', '@stream', '@x'])}`
      : '';
    const inner = isCompositeType(getNamedType(field.type))
      ? ` ${selection(getNamedType(field.type), deep + 1, takes)}`
      : '';
    return `${alias}${field.name}${given.length > 0 ? `(${given.join(', ')})` : ''}${directive}${inner}`;
  };

  const operation = (): Wild => {
    const kind = dice.pick(['query', 'query', 'mutation', 'subscription']);
    const root = {
      query: schema.getQueryType(),
      mutation: schema.getMutationType(),
      subscription: schema.getSubscriptionType(),
    }[kind];
    const takes: Takes = { definitions: [], values: {} };
    const body = root ? selection(root, 0, takes) : '{ x }';
    const head = takes.definitions.length > 0 ? `(${takes.definitions.join(', ')})` : '';
    return { query: `${kind} W${head} ${body}`, variables: takes.values };
  };

  return () => {
    const wild = dice.chance(0.08) ? { query: special(dice), variables: {} } : operation();
    const query = dice.chance(0.55) ? mangled(wild.query, dice) : wild.query;
    const variables = dice.chance(0.15) ? randomJson(dice, 3) : wild.variables;
    return dice.chance(0.1) ? { query, variables, operationName: randomJson(dice, 0) } : { query, variables };
  };
}

/** Whoever sends this well is refused ever after, as they should be: the rest would try nothing. */
const LAST = 'accountErase';

type Takes = { readonly definitions: string[]; readonly values: Record<string, unknown> };

const literal = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  return `{ ${Object.entries(value)
    .map(([name, inner]) => `${name}: ${literal(inner)}`)
    .join(', ')} }`;
};

const tokens = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  ':',
  '=',
  '!',
  '$',
  '@',
  '|',
  '&',
  '...',
  '"',
  '"""',
  '#',
  '-',
  '.',
  '0',
  '1e999',
  'on',
  'null',
  'fragment',
  'type',
  '__proto__',
  '\u0000',
  '\ud800',
  '\ufeff',
  '🙂',
];

/** One to four faults, in tokens or in characters. */
function mangled(text: string, dice: Dice): string {
  let query = text;
  for (let n = dice.int(1, 4); n > 0; n--) {
    const at = dice.int(0, query.length);
    const words = query.split(/\b/);
    const word = dice.int(0, words.length - 1);
    switch (dice.int(0, 6)) {
      case 0:
        query = `${query.slice(0, at)}${dice.among(tokens)}${query.slice(at)}`;
        break;
      case 1:
        query = query.slice(0, at);
        break;
      case 2:
        query = query.slice(0, at) + query.slice(at + dice.int(1, 3));
        break;
      case 3:
        query = words.with(word, dice.among(tokens) ?? '').join('');
        break;
      case 4:
        query = words.with(word, dice.among(words) ?? '').join('');
        break;
      case 5:
        query = `${query.slice(0, at)}${String.fromCharCode(dice.int(0, 65_535))}${query.slice(at)}`;
        break;
      default:
        query = words.toSpliced(word, 0, words[word] ?? '').join('');
    }
  }
  return query;
}

/** What has hurt servers before. */
function special(dice: Dice): string {
  const n = dice.int(2, 3_000);
  const repeat = (text: string): string => text.repeat(n).slice(0, 60_000);
  return dice.pick<() => string>([
    () => repeat('{'),
    () => `{ viewer ${repeat('{ user ')}`,
    () => `{ node(id: "${repeat('x')}") { id } }`,
    () => `{ node(id: """${repeat('\\"""')}""") { id } }`,
    () => `{ viewer { ${repeat('roles ')} } }`,
    () => `{ ${repeat('viewer { roles } ')} }`,
    () => `#${repeat('comment ')}\n{ viewer { roles } }`,
    () => `{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...A }`,
    () =>
      `{ viewer { ...A } } ${Array.from({ length: 60 }, (_, at) => `fragment F${at} on Viewer { ...F${at + 1} ...F${at + 1} }`).join(' ')}`,
    () => `query A { viewer { roles } } ${repeat('query B { viewer { roles } } ')}`,
    () => `query (${repeat('$a: Int ')}) { viewer { roles } }`,
    () => `query ($a: Int = ${repeat('[')}) { viewer { roles } }`,
    () => `{ viewer { conversations(first: ${repeat('9')}) { nodes { id } } } }`,
    () => `{ __schema { types { fields { type { fields { type { name } } } } } } }`,
    () => `{ __type(name: "__proto__") { name } }`,
    () => `{ viewer ${repeat('@include(if: true) ')} { roles } }`,
    () => `subscription { inbox { complete } ${repeat('inbox { complete } ')} }`,
    () => `subscription { inbox { complete } again: inbox { complete } }`,
    () => `{ constructor __proto__ { x } toString hasOwnProperty }`,
    () => `type Query { x: Int } extend schema { query: Query }`,
    () => '',
    () => ' ,\ufeff\n',
  ])();
}
