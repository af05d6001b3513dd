import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
} from 'graphql';
import { errorCodes, requestCodes } from './codes.js';
import { flows, opening } from './flows.js';
import { schema } from './schema.js';

/** The reference of the whole schema as a page in Markdown: how to begin, what can be asked, then every type. */
export function reference(): string {
  const types = Object.values(schema.getTypeMap())
    .filter((type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
  const roots = [
    ['Queries', schema.getQueryType()],
    ['Mutations', schema.getMutationType()],
    ['Subscriptions', schema.getSubscriptionType()],
  ] as const;
  const rootTypes = new Set<GraphQLNamedType | null | undefined>(roots.map(([, type]) => type));
  return [
    opening.trim(),
    '## The usual flows',
    ...flows.flatMap(({ title, text, document, variables }) => [
      `### ${title}`,
      text,
      fenced('graphql', document.trim()),
      ...(variables ? ['with the variables', fenced('json', JSON.stringify(variables, null, 2))] : []),
    ]),
    ...roots.flatMap(([title, type]) =>
      type
        ? [`## ${title}`, type.description ?? '', ...Object.values(type.getFields()).toSorted(byName).map(operation)]
        : [],
    ),
    '## Types',
    ...types.filter((type) => !rootTypes.has(type)).map(section),
    '## Errors',
    'A command that was refused answers with a `CommandError`; its `code` is one of the enum [ErrorCode](#errorcode). A request, ' +
      'or a field of it, that cannot be answered has an entry in `errors`, with one of these as `extensions.code`:',
    table(
      ['code', 'what it means and what to do'],
      Object.entries(requestCodes).map(([code, what]) => [`\`${code}\``, what]),
    ),
  ]
    .filter((block) => block !== '')
    .join('\n\n')
    .concat('\n');
}

/** Every code that a client can meet. */
export const knownCodes: ReadonlySet<string> = new Set([...Object.keys(errorCodes), ...Object.keys(requestCodes)]);

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name.localeCompare(b.name, 'en');

const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

/** A pipe in a cell would be the end of it. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

/** A type as it is written, with a link to its section. */
function typed(type: { toString(): string }): string {
  const written = String(type);
  const name = written.replaceAll(/[[\]!]/g, '');
  const known = schema.getType(name);
  return known && !isSpecifiedScalarType(known) ? `[\`${written}\`](#${name.toLowerCase()})` : `\`${written}\``;
}

const fallback = ({ defaultValue, type }: GraphQLArgument | GraphQLInputField): string => {
  if (defaultValue === undefined) return '';
  const named = 'ofType' in type ? type.ofType : type;
  const written = isEnumType(named) ? named.serialize(defaultValue) : JSON.stringify(defaultValue);
  return ` Default: \`${String(written)}\`.`;
};

const argumentRows = (args: readonly GraphQLArgument[]): readonly (readonly string[])[] =>
  args.map((arg) => [`\`${arg.name}\``, typed(arg.type), `${arg.description ?? ''}${fallback(arg)}`]);

const operation = ({ name, description, args, type }: GraphQLField<unknown, unknown>): string =>
  [
    `### ${name}`,
    `${description ?? ''} Answers with ${typed(type)}.`,
    ...(args.length > 0 ? [table(['argument', 'type', 'what'], argumentRows(args))] : []),
  ].join('\n\n');

/** Fields with their arguments below them. */
const fieldRows = (fields: readonly GraphQLField<unknown, unknown>[]): readonly (readonly string[])[] =>
  fields.flatMap(({ name, type, description, args }) => [
    [`\`${name}\``, typed(type), description ?? ''],
    ...argumentRows(args).map(([arg = '', ...rest]) => [`· ${arg}`, ...rest]),
  ]);

function section(type: GraphQLNamedType): string {
  const blocks = [`### ${type.name}`, `${kindOf(type)} ${type.description ?? ''}`];
  if (isObjectType(type) || isInterfaceType(type)) {
    const interfaces = type.getInterfaces().map(typed);
    if (interfaces.length > 0) blocks.push(`It is a ${interfaces.join(', ')}.`);
    if (isInterfaceType(type)) {
      blocks.push(`One of ${schema.getPossibleTypes(type).toSorted(byName).map(typed).join(', ')}.`);
    }
    blocks.push(table(['field', 'type', 'what'], fieldRows(Object.values(type.getFields()).toSorted(byName))));
  }
  if (isUnionType(type)) blocks.push(`One of ${type.getTypes().map(typed).join(', ')}.`);
  if (isInputObjectType(type)) {
    const rows = Object.values(type.getFields()).map((field) => [
      `\`${field.name}\``,
      typed(field.type),
      `${field.description ?? ''}${fallback(field)}`,
    ]);
    blocks.push(table(['field', 'type', 'what'], rows));
  }
  if (isEnumType(type)) {
    blocks.push(
      table(
        ['value', 'what'],
        type.getValues().map(({ name, description }) => [`\`${name}\``, description ?? '']),
      ),
    );
  }
  return blocks.join('\n\n');
}

function kindOf(type: GraphQLNamedType): string {
  if (isInputObjectType(type)) return '_Input._';
  if (isEnumType(type)) return '_Enum._';
  if (isScalarType(type)) return '_Scalar._';
  if (isInterfaceType(type)) return '_Interface._';
  return isUnionType(type) ? '_Union._' : '_Object._';
}
