import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type OperationTypeNode,
  type SelectionSetNode,
  getNamedType,
  isCompositeType,
} from 'graphql';
import { type Cost, type Values, add, entriesOf, literal, remembered, times, valueOf, weightOf } from './cost.js';
import type { Limits } from './limits.js';

/** What is known of an operation before it runs. */
export type Shape = {
  readonly type: OperationTypeNode;
  readonly rootFields: number;
  /** Throws DOCUMENT_TOO_LARGE where these variables make it cost more than it may. */
  checkCost(variables: Values | null | undefined): void;
};

/** `fields`: how many it has side by side. */
type Part = { readonly depth: number; readonly fields: number; readonly cost: Cost };
type Fields = Readonly<Record<string, GraphQLField<unknown, unknown>>>;

/**
 * Measures the operations of a valid document, fragments and all, each fragment once. Throws DOCUMENT_TOO_LARGE. Reading
 * the schema is not measured, for graphql-js limits that itself.
 */
export function shapesOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  limits: Limits['document'],
): ReadonlyMap<string | undefined, Shape> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    else if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
  }
  checkCounts(document, limits);
  return new Map(
    operations.map((operation) => {
      const type = schema.getRootType(operation.operation);
      if (!type) throw new Error(`a valid document has a ${operation.operation} that the schema has not`);
      const measure = measurer(schema, fragments, defaultsOf(operation));
      const { depth, fields, cost } = measure(operation.selectionSet, type, false);
      check('levels of fields', depth, limits.depth, 'Ask in smaller pieces.');
      check('root fields', fields, limits.rootFields, 'Send several operations.');
      const checkCost = (variables: Values | null | undefined): void => {
        const found = valueOf(cost, variables ?? {});
        check('objects to load', found, limits.cost, 'Ask for smaller pages (`first`), or fewer lists inside lists.');
      };
      return [operation.name?.value, { type: operation.operation, rootFields: fields, checkCost }];
    }),
  );
}

/** Walks selections; what a fragment holds is measured once, however often it is spread. */
function measurer(schema: GraphQLSchema, fragments: ReadonlyMap<string, FragmentDefinitionNode>, defaults: Values) {
  const known = new Map<string, Part>();

  const field = (node: FieldNode, of: string, fields: Fields, inPage: boolean): Part => {
    const definition = fields[node.name.value];
    const type = definition && getNamedType(definition.type);
    if (!definition || !node.selectionSet || !isCompositeType(type)) {
      return { depth: 1, fields: 1, cost: weightOf(of, node.name.value) };
    }
    const { entries, page } = entriesOf(definition, node.arguments ?? [], defaults, inPage);
    const inner = measure(node.selectionSet, type, page);
    return {
      depth: inner.depth + 1,
      fields: 1,
      cost: page ? add(1, times(entries, inner.cost)) : times(entries, add(1, inner.cost)),
    };
  };

  const fragment = (name: string, inPage: boolean): Part => {
    const key = `${name} ${inPage}`;
    const before = known.get(key);
    const found = fragments.get(name);
    const type = found && schema.getType(found.typeCondition.name.value);
    if (before || !found || !isCompositeType(type)) return before ?? { depth: 0, fields: 0, cost: 0 };
    const part = measure(found.selectionSet, type, inPage);
    const once = { ...part, cost: remembered(part.cost) };
    known.set(key, once);
    return once;
  };

  function measure({ selections }: SelectionSetNode, type: GraphQLCompositeType, inPage: boolean): Part {
    const fields: Fields = 'getFields' in type ? type.getFields() : {};
    const parts = selections.map((selection): Part => {
      if (selection.kind === Kind.FIELD) return field(selection, type.name, fields, inPage);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return fragment(selection.name.value, inPage);
      const on = selection.typeCondition && schema.getType(selection.typeCondition.name.value);
      return measure(selection.selectionSet, isCompositeType(on) ? on : type, inPage);
    });
    return {
      depth: Math.max(0, ...parts.map(({ depth }) => depth)),
      fields: parts.reduce((sum, { fields: more }) => sum + more, 0),
      cost: parts.reduce<Cost>((sum, { cost }) => add(sum, cost), 0),
    };
  }
  return measure;
}

/** What is counted as it stands in the text. */
function checkCounts(document: DocumentNode, limits: Limits['document']): void {
  let aliases = 0;
  let directives = 0;
  const count = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      directives += selection.directives?.length ?? 0;
      if (selection.kind === Kind.FIELD && selection.alias) aliases += 1;
      if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet) count(selection.selectionSet);
    }
  };
  for (const definition of document.definitions) {
    if ('directives' in definition) directives += definition.directives?.length ?? 0;
    if ('selectionSet' in definition) count(definition.selectionSet);
  }
  check('aliases', aliases, limits.aliases, 'Send several operations.');
  check('directives', directives, limits.directives, 'Send several operations.');
}

const defaultsOf = ({ variableDefinitions = [] }: OperationDefinitionNode): Values =>
  Object.fromEntries(
    variableDefinitions.flatMap(({ variable, defaultValue }) =>
      defaultValue ? [[variable.name.value, literal(defaultValue)]] : [],
    ),
  );

/** Throws DOCUMENT_TOO_LARGE, with what is too much, how much it is, how much it may be, and what to do. */
export function check(what: string, found: number, limit: number, advice: string): void {
  if (found <= limit) return;
  throw new GraphQLError(`The document has ${found} ${what}, and may have ${limit}. ${advice}`, {
    extensions: { code: 'DOCUMENT_TOO_LARGE', found, limit },
  });
}
