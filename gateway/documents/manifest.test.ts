import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { createDocuments } from './documents.js';
import { type Manifest, brokenAt, isLive, publishDocuments, readManifest, sha256 } from './manifest.js';

const none: Manifest = { entries: [] };
const [a, b] = ['query A { viewer { roles } }', 'query B { viewer { roles } }'];
const tipOf = ({ entries }: Manifest): string => entries.at(-1)?.chain ?? '';

describe('the manifest in the repository', () => {
  const manifest = readManifest();
  const generated = readFileSync(new URL('../../ui/gql/generated/graphql.ts', import.meta.url), 'utf8');
  const sent = [...generated.matchAll(/"sha256:([0-9a-f]{64})"/g)].map(([, hash]) => hash ?? '');

  it('is as it was written, entry by entry: none is edited, none is missing', () => {
    const { tip } = JSON.parse(readFileSync(new URL('./manifest.json', import.meta.url), 'utf8'));
    expect(brokenAt(manifest.entries, tip)).toBeUndefined();
  });

  it('holds what the page sends, and keeps what it sent before for 90 days: npm run codegen writes it', () => {
    expect(sent.length).toBeGreaterThan(0);
    const there = manifest.entries.filter(({ left }) => left === null).map(({ hash }) => hash);
    expect(there.toSorted()).toEqual([...new Set(sent)].toSorted());
    const today = Date.now();
    expect(manifest.entries.filter((entry) => isLive(entry, today) && entry.document === null)).toEqual([]);
  });

  it('holds documents that the schema of today answers', () => {
    const schema = buildSchema(readFileSync(new URL('../schema/schema.graphql', import.meta.url), 'utf8'));
    const there = manifest.entries.flatMap(({ document, left }) =>
      document !== null && left === null ? [document] : [],
    );
    expect(there.flatMap((document) => validate(schema, parse(document)))).toEqual([]);
  });
});

describe('publishing documents', () => {
  it('adds what is new, dates what left, takes back what came back, and drops texts after 90 days', () => {
    const first = publishDocuments(none, [a], '2026-01-01');
    expect(first.entries).toMatchObject([{ hash: sha256(a), added: '2026-01-01', left: null, document: a }]);
    const second = publishDocuments(first, [b], '2026-02-01');
    expect(second.entries).toMatchObject([
      { document: a, left: '2026-02-01' },
      { document: b, left: null },
    ]);
    expect(publishDocuments(second, [b, a], '2026-03-01').entries).toMatchObject([{ left: null }, { left: null }]);
    expect(publishDocuments(second, [b], '2026-05-01').entries[0]).toMatchObject({ left: '2026-02-01', document: a });
    const late = publishDocuments(second, [b], '2026-05-02');
    expect(late.entries[0]).toMatchObject({ hash: sha256(a), left: '2026-02-01', document: null });
    expect(publishDocuments(late, [a, b], '2027-01-01').entries[0]).toMatchObject({ left: null, document: a });
  });

  it('never loses or changes an entry that is live, whatever pages follow each other', () => {
    const pages = fc.array(fc.tuple(fc.subarray(['p', 'q', 'r', 's']), fc.integer({ min: 0, max: 60 })));
    fc.assert(
      fc.property(pages, (builds) => {
        let [day, manifest] = [Date.parse('2026-01-01'), none];
        for (const [page, days] of builds) {
          day += days * 86_400_000;
          const before = manifest;
          manifest = publishDocuments(before, page, new Date(day).toISOString().slice(0, 10));
          expect(brokenAt(manifest.entries, tipOf(manifest))).toBeUndefined();
          for (const [at, entry] of before.entries.entries()) {
            const now = manifest.entries[at];
            expect(now).toMatchObject({ hash: entry.hash, added: entry.added, chain: entry.chain });
          }
          const lost = before.entries.filter(
            (entry, at) => isLive(entry, day) && manifest.entries[at]?.document !== entry.document,
          );
          expect(lost).toEqual([]);
        }
      }),
    );
  });

  it('sees an entry that was edited, moved or lost, at the end too', () => {
    const { entries } = publishDocuments(none, [a, b], '2026-01-01');
    const [first, second] = entries;
    if (!first || !second) throw new Error('two were published');
    const tip = second.chain;
    expect(brokenAt(entries, tip)).toBeUndefined();
    for (const edited of [
      [first],
      [second],
      [second, first],
      [{ ...first, document: b }, second],
      [first, { ...second, added: '2025-01-01' }],
      [first, { ...second, hash: first.hash }],
      [],
    ]) {
      expect(brokenAt(edited, tip)).toBeTypeOf('string');
    }
  });
});

describe('the documents that are served', () => {
  const manifest = publishDocuments(publishDocuments(none, [a], '2026-01-01'), [b], '2026-02-01');
  let now = Date.parse('2026-02-01');
  const documents = createDocuments({ manifest, arbitrary: false, now: () => now });
  const [person, program] = [{ scopes: [] }, { scopes: ['openid', 'api'] }];

  it('are found by hash until 90 days after they left the page, and by their very text', () => {
    const old = { documentId: `sha256:${sha256(a)}` };
    expect(documents(old, person)).toBe(a);
    expect(documents({ query: b }, person)).toBe(b);
    now = Date.parse('2026-05-02');
    expect(() => documents(old, person)).toThrow(/does not know that document: reload the page/);
    expect(() => documents({ query: a }, person)).toThrow(/documents of its own page/);
    expect(documents({ documentId: `sha256:${sha256(b)}` }, person)).toBe(b);
  });

  it('are all that people get, and programs bring their own', () => {
    expect(() => documents({ query: '{ viewer { roles } }' }, person)).toThrow(/documents of its own page/);
    expect(documents({ query: '{ viewer { roles } }' }, program)).toBe('{ viewer { roles } }');
    expect(() => documents({ documentId: 'sha256:__proto__' }, program)).toThrow(/reload the page/);
  });
});
