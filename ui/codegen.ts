import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'gateway/schema/schema.graphql',
  documents: ['ui/gql/operations.ts'],
  generates: {
    'ui/gql/generated/': {
      preset: 'client',
      // The page sends hashes; the documents are in the gateway's manifest (gateway/documents).
      presetConfig: {
        fragmentMasking: false,
        persistedDocuments: { mode: 'replaceDocumentWithHash', hashPropertyName: 'hash' },
      },
      config: {
        documentMode: 'string',
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: { DateTime: 'string', Position: 'string', UUID: 'string' },
      },
    },
  },
};

export default config;
