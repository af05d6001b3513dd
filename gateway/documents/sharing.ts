import {
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  Kind,
  OperationTypeNode,
  TypeInfo,
  isAbstractType,
  visit,
  visitWithTypeInfo,
} from 'graphql';

/**
 * Whether what a document follows is the same for all who may follow it, so that it is executed once for them all: a
 * subscription of which every field is marked as shareable. Returns the names of the variables that say what it brings,
 * which are all but those that say from where on; undefined where it is not to be shared.
 */
export function sharingOf(schema: GraphQLSchema, document: DocumentNode): readonly string[] | undefined {
  const [operation, another] = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
  if (operation?.operation !== OperationTypeNode.SUBSCRIPTION || another) return undefined;
  const info = new TypeInfo(schema);
  const variables = new Set<string>();
  let shareable = true;

  const isMarked = ({ name: { value: name } }: FieldNode): boolean => {
    const parent = info.getParentType();
    if (name === '__typename') return true;
    if (info.getFieldDef()?.extensions['shareable'] !== true) return false;
    if (!isAbstractType(parent)) return true;
    return schema.getPossibleTypes(parent).every((type) => type.getFields()[name]?.extensions['shareable'] === true);
  };
  visit(
    document,
    visitWithTypeInfo(info, {
      Field: (node) => {
        shareable &&= isMarked(node);
      },
      VariableDefinition: () => false,
      Argument: ({ value }) =>
        value.kind === Kind.VARIABLE && info.getArgument()?.extensions['cursor'] === true ? false : undefined,
      Variable: ({ name }) => void variables.add(name.value),
    }),
  );
  return shareable ? [...variables] : undefined;
}
