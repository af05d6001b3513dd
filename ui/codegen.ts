import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'gateway/schema/schema.graphql',
  documents: ['ui/gql/operations.ts'],
  generates: {
    'ui/gql/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
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
