import {
  type ArgumentNode,
  type GraphQLArgument,
  type GraphQLField,
  Kind,
  type ValueNode,
  getNullableType,
  isListType,
} from 'graphql';

/** Values of variables as they came, by name. */
export type Values = Readonly<Record<string, unknown>>;

/** How many objects a selection asks for: known at once, or when the variables are. */
export type Cost = number | ((values: Values) => number);

export const add = (a: Cost, b: Cost): Cost =>
  typeof a === 'number' && typeof b === 'number' ? a + b : (values) => valueOf(a, values) + valueOf(b, values);

export const times = (a: Cost, b: Cost): Cost =>
  typeof a === 'number' && typeof b === 'number' ? a * b : (values) => valueOf(a, values) * valueOf(b, values);

export const valueOf = (cost: Cost, values: Values): number => (typeof cost === 'number' ? cost : cost(values));

/** The same cost, worked out once for the same variables, for fragments that spread fragments double each time. */
export function remembered(cost: Cost): Cost {
  if (typeof cost === 'number') return cost;
  const known = new WeakMap<Values, number>();
  return (values) => {
    const found = known.get(values) ?? cost(values);
    known.set(values, found);
    return found;
  };
}

/** What single fields cost, as many objects: a text may be as large as 100 KB, a page of objects is not. */
const weights: Readonly<Record<string, number>> = { 'TextPart.text': 4 };

export const weightOf = (type: string, field: string): number => weights[`${type}.${field}`] ?? 0;

/** How many entries a list is taken to have where the document does not say. */
const ASSUMED = 5;

/**
 * How often what is selected in a field comes. A page has as many entries as its `first` says, and the list in it is
 * that page; a list that is asked for by ids has one entry for each of them.
 */
export function entriesOf(
  field: GraphQLField<unknown, unknown>,
  given: readonly ArgumentNode[],
  defaults: Values,
  inPage: boolean,
): { readonly entries: Cost; readonly page: boolean } {
  const first = field.args.find(({ name }) => name === 'first');
  if (first) return { entries: sizeOf(first, given, defaults, whole), page: true };
  if (!isListType(getNullableType(field.type))) return { entries: 1, page: false };
  if (inPage) return { entries: 1, page: false };
  const ids = field.args.find(({ type }) => isListType(getNullableType(type)));
  return { entries: ids ? sizeOf(ids, given, defaults, count) : ASSUMED, page: false };
}

/** Reads a size from an argument: a literal, a variable, the default of either. */
function sizeOf(
  { name, defaultValue }: GraphQLArgument,
  given: readonly ArgumentNode[],
  defaults: Values,
  read: (value: unknown) => number,
): Cost {
  const value = given.find((argument) => argument.name.value === name)?.value;
  if (!value) return read(defaultValue);
  if (value.kind !== Kind.VARIABLE) return read(literal(value));
  const variable = value.name.value;
  // An Int is coerced to itself and a list to one of as many, so that what came is what the resolver gets.
  return (values) => read(values[variable] ?? defaults[variable] ?? defaultValue);
}

const whole = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 1);

/** A value that is no list is coerced to a list of one. */
const count = (value: unknown): number => (Array.isArray(value) ? Math.max(value.length, 1) : 1);

/** As much of a literal as a size needs. */
export function literal(value: ValueNode): unknown {
  if (value.kind === Kind.INT) return Number(value.value);
  return value.kind === Kind.LIST ? value.values : undefined;
}
