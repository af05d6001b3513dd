import {
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  defaultFieldResolver,
  getArgumentValues,
  getNullableType,
  getVariableValues,
  isLeafType,
  isNonNullType,
  isObjectType,
} from 'graphql';

type Reader = (
  parent: GraphQLObjectType,
  of: GraphQLField<unknown, unknown>,
  node: FieldNode,
  given?: Readonly<Record<string, unknown>>,
) => (source: unknown) => unknown;
type Leaf = {
  readonly key: string;
  readonly read: (source: unknown) => unknown;
  /** What goes out for what was read; undefined for what the long way must deal with. */
  readonly finish: (value: unknown) => unknown;
};

/**
 * A shorter way for subscriptions that ask for scalars of one object and nothing else, as each piece of a running reply is
 * asked for: what each event needs is found out once. Gives the very result that execution would; undefined for an event
 * that takes the long way, because something of it failed, is missing or comes later. Undefined where the document is not
 * of this kind. A resolver that answers later is asked once more by the long way, which all later events take then.
 * Resolvers on the way get an `info` without the event in `rootValue`.
 */
export function compileLeaves(args: ExecutionArgs): ((event: unknown) => ExecutionResult | undefined) | undefined {
  const { document, schema, contextValue, operationName } = args;
  const [operation, another] = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
  const root = schema.getSubscriptionType();
  if (!operation || another || !root || (operationName && operation.name?.value !== operationName)) return undefined;
  const [only, ...others] = plainFields(operation.selectionSet) ?? [];
  const field = only && root.getFields()[only.name.value];
  const type = field && getNullableType(field.type);
  if (!only || others.length > 0 || !field || !isObjectType(type) || type.isTypeOf) return undefined;
  const variables = getVariableValues(schema, operation.variableDefinitions ?? [], { ...args.variableValues });
  if (!variables.coerced) return undefined;
  const rootArgs = getArgumentValues(field, only, variables.coerced);

  const reader: Reader = (parent, of, node, given = {}) => {
    const info = infoOf({ ...args, variableValues: variables.coerced }, operation, parent, of, node);
    const resolve = of.resolve ?? defaultFieldResolver;
    return (source) => resolve(source, given, contextValue, info);
  };
  const object = reader(root, field, only, rootArgs);
  const leaves = only.selectionSet && plainFields(only.selectionSet)?.map((node) => leafOf(type, node, reader));
  if (!leaves?.every((leaf) => leaf !== undefined)) return undefined;
  const rootKey = keyOf(only);
  let late = false;

  return (event) => {
    if (late) return undefined;
    try {
      const source = object(event);
      late = isLate(source);
      if (typeof source !== 'object' || source === null || late || source instanceof Error) return undefined;
      const values: [string, unknown][] = [];
      for (const { key, read, finish } of leaves) {
        const found = read(source);
        late = isLate(found);
        const value = late ? undefined : finish(found);
        if (value === undefined) return undefined;
        values.push([key, value]);
      }
      // Not by assignment, for a key may be `__proto__`.
      return { data: { [rootKey]: Object.fromEntries(values) } };
    } catch {
      // The long way fails in the same place, and says so as it should be said.
      return undefined;
    }
  };
}

/** How a scalar is read. Undefined where it is no scalar. */
function leafOf(parent: GraphQLObjectType, node: FieldNode, reader: Reader): Leaf | undefined {
  const field = parent.getFields()[node.name.value];
  const type = field && getNullableType(field.type);
  if (!field || !isLeafType(type) || field.args.length > 0) return undefined;
  const nullable = !isNonNullType(field.type);
  return {
    key: keyOf(node),
    read: reader(parent, field, node),
    finish: (value) => {
      if (value instanceof Error) return undefined;
      if (value === null || value === undefined) return nullable ? null : undefined;
      return type.serialize(value) ?? undefined;
    },
  };
}

/** The fields of a selection, if there is nothing but fields, each once and without directives. */
function plainFields({ selections }: SelectionSetNode): readonly FieldNode[] | undefined {
  const fields = selections.filter((each) => each.kind === Kind.FIELD && !each.directives?.length);
  const keys = new Set(fields.flatMap((each) => (each.kind === Kind.FIELD ? [keyOf(each)] : [])));
  if (keys.size < selections.length) return undefined;
  return fields.filter((each) => each.kind === Kind.FIELD);
}

/** Whether a value comes later. If it fails, the long way tells, which asks for it again. */
function isLate(value: unknown): boolean {
  if (!(value instanceof Promise) && !(isObject(value) && 'then' in value && typeof value.then === 'function'))
    return false;
  Promise.resolve(value).catch(() => undefined);
  return true;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const keyOf = ({ alias, name }: FieldNode): string => alias?.value ?? name.value;

const infoOf = (
  { schema, variableValues }: ExecutionArgs,
  operation: OperationDefinitionNode,
  parentType: GraphQLObjectType,
  { type: returnType }: GraphQLField<unknown, unknown>,
  node: FieldNode,
): GraphQLResolveInfo => ({
  fieldName: node.name.value,
  fieldNodes: [node],
  returnType,
  parentType,
  path: { prev: undefined, key: keyOf(node), typename: parentType.name },
  schema,
  fragments: {},
  rootValue: undefined,
  operation,
  variableValues: { ...variableValues },
});
