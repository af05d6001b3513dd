import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { schemaOf } from '../../domain/catalogue.js';

// JSON Schema of the data of every event, one per type and version, made from the very types that the code is checked
// against; and that of the envelope around it.

/** A JSON Schema (draft 2020-12). */
export type Schema = { readonly [keyword: string]: unknown };

/** By type and version: the shape of what stands in the log. The envelope is among them, under a name of its own. */
export type EventSchemas = { readonly [type: string]: { readonly [version: string]: Schema } };

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Where the published schemas are kept. */
export const schemaFile = join(root, 'domain/schema.json');

/** Reads the types of all events, and of what they once were (`Former` in upcasters.ts), and describes them. */
export function describeEvents(): EventSchemas {
  const files = ['catalogue', 'upcasters'].map((name) => join(root, `domain/${name}.ts`));
  const parsed = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.json'), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new Error(ts.flattenDiagnosticMessageText(messageText, ' '));
    },
  });
  const program = ts.createProgram(files, parsed?.options ?? {});
  const checker = program.getTypeChecker();

  const exported = (file: string | undefined, name: string): ts.Type => {
    const source = file === undefined ? undefined : program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    const symbol = module && checker.getExportsOfModule(module).find((each) => each.name === name);
    if (!symbol) throw new Error(`${file} exports no type ${name}`);
    return checker.getDeclaredTypeOfSymbol(symbol);
  };
  const field = (type: ts.Type, name: string): ts.Type => {
    const symbol = checker.getPropertyOfType(type, name);
    if (!symbol) throw new Error(`${checker.typeToString(type)} has no ${name}`);
    return checker.getTypeOfSymbol(symbol);
  };

  const [recorded, former] = [exported(files[0], 'Recorded'), exported(files[1], 'Former')];
  const described = new Map<string, Map<number, Schema>>();
  const add = (type: string, version: number, shape: Schema): void => {
    const schema = { $schema: DRAFT, title: `${type}, version ${version}`, ...shape };
    described.set(type, (described.get(type) ?? new Map<number, Schema>()).set(version, schema));
  };
  for (const event of membersOf(recorded)) {
    const type = field(event, 'type');
    if (!type.isStringLiteral()) throw new Error('an event has one name');
    add(type.value, schemaOf(type.value), describeType(checker, field(event, 'data')));
    add('Envelope', 1, describeFields(checker, event, { type: { type: 'string' }, data: { type: 'object' } }));
  }
  for (const { name } of checker.getPropertiesOfType(former)) {
    const [type = '', version] = name.split(' ');
    add(type, Number(version), describeType(checker, field(former, name)));
  }
  return inOrder(described);
}

/** By name, versions ascending: the file has no other order than that. */
const inOrder = (described: ReadonlyMap<string, ReadonlyMap<number, Schema>>): EventSchemas =>
  Object.fromEntries(
    [...described]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([type, versions]) => [type, Object.fromEntries([...versions].toSorted(([a], [b]) => a - b))]),
  );

const membersOf = (type: ts.Type): readonly ts.Type[] => (type.isUnion() ? type.types : [type]);

/** An object with exactly these fields. `known` says what is known of some of them beyond their type. */
function describeFields(checker: ts.TypeChecker, type: ts.Type, known: Readonly<Record<string, Schema>> = {}): Schema {
  const fields = checker.getPropertiesOfType(type).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const isOptional = (symbol: ts.Symbol): boolean => (symbol.flags & ts.SymbolFlags.Optional) !== 0;
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map((symbol) => [
        symbol.name,
        known[symbol.name] ?? describeType(checker, checker.getTypeOfSymbol(symbol)),
      ]),
    ),
    required: fields.filter((symbol) => !isOptional(symbol)).map(({ name }) => name),
    additionalProperties: false,
  };
}

/** Throws on a kind of type that no event has used so far: what is stored for ever is plain data. */
function describeType(checker: ts.TypeChecker, type: ts.Type): Schema {
  const { flags } = type;
  if (flags & ts.TypeFlags.Boolean) return { type: 'boolean' };
  if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
  if (flags & ts.TypeFlags.StringLike) return { type: 'string' };
  if (flags & ts.TypeFlags.Number) return { type: 'number' };
  if (flags & ts.TypeFlags.Null) return { type: 'null' };
  if (type.isUnion()) return describeUnion(checker, type);
  const item = checker.isArrayType(type) ? checker.getIndexTypeOfType(type, ts.IndexKind.Number) : undefined;
  if (item) return { type: 'array', items: describeType(checker, item) };
  if (flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) return describeFields(checker, type);
  throw new Error(`${checker.typeToString(type)} is no plain data`);
}

function describeUnion(checker: ts.TypeChecker, { types }: ts.UnionType): Schema {
  const present = types.filter(({ flags }) => !(flags & ts.TypeFlags.Undefined));
  const names = present.flatMap((each) => (each.isStringLiteral() ? [each.value] : []));
  if (names.length === present.length) return { enum: names.toSorted() };
  const any = new Map(present.map((each) => describeType(checker, each)).map((each) => [JSON.stringify(each), each]));
  const described = [...any].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
  const [only] = described;
  return only && described.length === 1 ? only : { anyOf: described };
}

/**
 * What is published once these schemas are. Throws on one that differs from what is published under its type and
 * version, or is lacking: what was written with it is in the log for ever.
 */
export function publish(published: EventSchemas, schemas: EventSchemas): EventSchemas {
  for (const [type, versions] of Object.entries(published)) {
    for (const [version, schema] of Object.entries(versions)) {
      if (JSON.stringify(schemas[type]?.[version]) === JSON.stringify(schema)) continue;
      throw new Error(
        `${type} version ${version} is published and cannot change: add a version, and an upcaster to it.`,
      );
    }
  }
  return schemas;
}
