import type { Identity } from '../identity/identity.js';
import type { Operation } from '../operation.js';
import { clientError } from '../schema/ids.js';
import { type Manifest, isLive } from './manifest.js';

/** The text of the document that an operation names or brings. Throws DOCUMENT_UNKNOWN or DOCUMENT_NOT_ALLOWED. */
export type Documents = (operation: Operation, identity: Pick<Identity, 'scopes'>) => string;

export type DocumentsOptions = {
  readonly manifest: Manifest;
  /** Whether everybody may bring documents of their own, or only tokens with scope `api`. */
  readonly arbitrary: boolean;
  readonly now: () => number;
};

/** Who writes programs against the API, and so brings documents of their own. */
const PROGRAMS = 'api';

export function createDocuments({ manifest, arbitrary, now }: DocumentsOptions): Documents {
  const entries = new Map(manifest.entries.map((entry) => [`sha256:${entry.hash}`, entry]));
  const byText = new Map(manifest.entries.map((entry) => [entry.document, entry]));
  const isOfPage = (query: string): boolean => {
    const entry = byText.get(query);
    return entry !== undefined && isLive(entry, now());
  };

  return ({ query, documentId }, { scopes }) => {
    if (documentId !== undefined) {
      const entry = entries.get(documentId);
      if (entry && entry.document !== null && isLive(entry, now())) return entry.document;
      throw clientError('DOCUMENT_UNKNOWN', 'This server does not know that document: reload the page.');
    }
    if (query !== undefined && (arbitrary || scopes.includes(PROGRAMS) || isOfPage(query))) return query;
    throw clientError(
      'DOCUMENT_NOT_ALLOWED',
      'This server takes the documents of its own page, by `documentId`. Programs may send others with a token of scope "api".',
    );
  };
}
