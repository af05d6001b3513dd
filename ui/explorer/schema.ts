// What the explorer knows of the schema: it asks the server, and makes a first document for each operation.

type TypeRef = { readonly kind: string; readonly name: string | null; readonly ofType?: TypeRef | null };
type Input = { readonly name: string; readonly type: TypeRef; readonly defaultValue: string | null };
export type Field = {
  readonly name: string;
  readonly description: string | null;
  readonly args: readonly Input[];
  readonly type: TypeRef;
};
type Type = {
  readonly kind: string;
  readonly name: string;
  readonly fields: readonly Field[] | null;
  readonly inputFields: readonly Input[] | null;
  readonly possibleTypes: readonly { readonly name: string }[] | null;
};
type Root = { readonly name: string } | null;
export type Schema = {
  readonly queryType: Root;
  readonly mutationType: Root;
  readonly subscriptionType: Root;
  readonly types: readonly Type[];
};

const REF = 'kind name ofType { kind name ofType { kind name ofType { kind name } } }';

export const INTROSPECTION = `{ schema: __schema {
  queryType { name } mutationType { name } subscriptionType { name }
  types { kind name
    fields { name description args { name defaultValue type { ${REF} } } type { ${REF} } }
    inputFields { name defaultValue type { ${REF} } }
    possibleTypes { name } } } }`;

export type Operation = 'query' | 'mutation' | 'subscription';

/** The operations that there are, by kind. */
export function operationsOf(schema: Schema): readonly (readonly [Operation, readonly Field[]])[] {
  const roots = [
    ['query', schema.queryType],
    ['mutation', schema.mutationType],
    ['subscription', schema.subscriptionType],
  ] as const;
  return roots.map(([kind, root]) => [kind, (root && typeNamed(schema, root.name)?.fields) ?? []]);
}

const typeNamed = ({ types }: Schema, name: string): Type | undefined => types.find((type) => type.name === name);

const written = ({ kind, name, ofType }: TypeRef): string => {
  if (!ofType) return name ?? '';
  return kind === 'LIST' ? `[${written(ofType)}]` : `${written(ofType)}!`;
};
const named = ({ name, ofType }: TypeRef): string => (ofType ? named(ofType) : (name ?? ''));
const isNeeded = ({ type, defaultValue }: Input): boolean => type.kind === 'NON_NULL' && defaultValue === null;

/** A document that asks for an operation with what it needs, and values to be filled in. */
export function firstDocument(schema: Schema, kind: Operation, { name, args, type }: Field) {
  const needed = args.filter(isNeeded);
  const heads = needed.map((arg) => `$${arg.name}: ${written(arg.type)}`).join(', ');
  const given = needed.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  const lines = linesOf(schema, named(type)).map((line) => `\n    ${line}`);
  const selection = lines.length > 0 ? ` {${lines.join('')}\n  }` : '';
  return {
    text: `${kind}${heads && ` (${heads})`} {\n  ${name}${given && `(${given})`}${selection}\n}\n`,
    variables: JSON.stringify(Object.fromEntries(needed.map((arg) => [arg.name, blank(schema, arg.type)])), null, 2),
  };
}

/** What is selected of a type at first: what has no parts of its own, and of each kind that it can be. */
function linesOf(schema: Schema, name: string): readonly string[] {
  const type = typeNamed(schema, name);
  if (type?.kind === 'UNION') {
    const kinds = (type.possibleTypes ?? []).map((each) => `... on ${each.name} { ${plainOf(schema, each.name)} }`);
    return ['__typename', ...kinds];
  }
  return type?.fields ? [plainOf(schema, name)] : [];
}

function plainOf(schema: Schema, name: string): string {
  const fields = typeNamed(schema, name)?.fields ?? [];
  const plain = fields.filter(({ args, type }) => !args.some(isNeeded) && !typeNamed(schema, named(type))?.fields);
  const simple = plain.filter(({ type }) => typeNamed(schema, named(type))?.kind !== 'UNION');
  return simple.length > 0 ? simple.map((field) => field.name).join(' ') : '__typename';
}

/** A value of a type, to be filled in. */
function blank(schema: Schema, type: TypeRef): unknown {
  if (type.kind === 'NON_NULL' && type.ofType) return blank(schema, type.ofType);
  if (type.kind === 'LIST') return [];
  if (type.name === 'Int') return 0;
  if (type.name === 'Boolean') return true;
  const fields = typeNamed(schema, type.name ?? '')?.inputFields?.filter(isNeeded);
  return fields ? Object.fromEntries(fields.map((field) => [field.name, blank(schema, field.type)])) : '';
}
