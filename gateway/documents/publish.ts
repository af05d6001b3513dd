import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Manifest, manifestFile, printManifest, publishDocuments, readManifest } from './manifest.js';

// The end of `npm run codegen`: what the page sends now goes into the manifest.

const written = new URL('../../ui/gql/generated/persisted-documents.json', import.meta.url);
const page: Record<string, string> = JSON.parse(readFileSync(written, 'utf8'));
const before: Manifest = existsSync(manifestFile) ? readManifest() : { entries: [] };
writeFileSync(
  manifestFile,
  printManifest(publishDocuments(before, Object.values(page), new Date().toISOString().slice(0, 10))),
);
rmSync(written);
