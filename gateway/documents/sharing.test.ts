import { expect, it } from 'vitest';
import { defaultLimits } from '../limits/limits.js';
import { schema } from '../schema/schema.js';
import { createCompiler } from './compile.js';
import { readManifest } from './manifest.js';

it('lets the page share what many follow, by the variables that say what: only the sidebar is one’s own', () => {
  const compile = createCompiler({ schema, limits: defaultLimits.document, introspection: false });
  const sharing = new Map<string | undefined, readonly string[] | undefined>();
  for (const { document, left } of readManifest().entries) {
    if (document === null || left !== null) continue;
    const compiled = compile(document);
    if ('errors' in compiled) throw new Error(`the page sends what cannot be run: ${document}`);
    if (document.includes('subscription '))
      for (const name of compiled.shapes.keys()) sharing.set(name, compiled.sharing);
  }
  // Whoever adds one says here whether it is the same for all who may follow it.
  expect(Object.fromEntries(sharing)).toEqual({ ConversationEvents: ['id'], ReplyDeltas: ['id'], Inbox: undefined });
});
