import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Raw, openSignedIn, runOn } from '../raw-testing.js';
import { type Harness, startHarness } from '../testing.js';
import { publishDocuments, sha256 } from './manifest.js';

const document = 'query Roles { viewer { roles } }';
const roles = { data: { viewer: { roles: ['USER'] } } };
const own = '{ viewer { user { id } } }';

let harness: Harness;
let sockets: { readonly person: Raw; readonly program: Raw };
const programs = { claims: { scope: 'openid api' } };
beforeAll(async () => {
  const manifest = publishDocuments({ entries: [] }, [document], new Date().toISOString().slice(0, 10));
  harness = await startHarness({ manifest, arbitrary: false, introspection: true });
  sockets = {
    person: await openSignedIn(harness, 'ana'),
    program: await openSignedIn(harness, 'robot', programs),
  };
}, 60_000);
afterAll(() => harness.stop());

let count = 0;
/** What a body is answered with over POST, which must be what a socket answers. */
async function answerTo(who: 'person' | 'program', body: object): Promise<unknown> {
  const token = who === 'person' ? harness.token('ana') : harness.token('robot', programs);
  const response = await fetch(`${harness.publicUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await token}` },
    body: JSON.stringify(body),
  });
  const posted = await response.json();
  // The protocol of sockets wants a `query` in any case.
  const framed = JSON.parse(JSON.stringify(await runOn(sockets[who], String(count++), { query: '', ...body })));
  expect(Array.isArray(framed) ? { errors: framed } : framed).toEqual(posted);
  return posted;
}
const refused = (code: string) => ({ errors: [{ message: expect.any(String), extensions: { code } }] });

describe('where only the documents of the page are taken', () => {
  it('runs them by hash, over POST and sockets alike', async () => {
    expect(await answerTo('person', { documentId: `sha256:${sha256(document)}` })).toEqual(roles);
    expect(await answerTo('person', { documentId: `sha256:${sha256(document)}`, operationName: 'Roles' })).toEqual(
      roles,
    );
  });

  it('refuses others from people, over POST and sockets alike', async () => {
    expect(await answerTo('person', { query: own })).toEqual(refused('DOCUMENT_NOT_ALLOWED'));
    expect(await answerTo('person', { query: '{ __schema { types { name } } }' })).toEqual(
      refused('DOCUMENT_NOT_ALLOWED'),
    );
    expect(await answerTo('person', { query: 'mutation {' })).toEqual(refused('DOCUMENT_NOT_ALLOWED'));
  });

  it('takes others from programs, within the limits', async () => {
    expect(await answerTo('program', { query: own })).toHaveProperty('data.viewer.user.id');
    const large = '{ viewer { conversations(first: 100) { nodes { thread(first: 100) { messages { id } } } } } }';
    expect(await answerTo('program', { query: large })).toMatchObject({
      errors: [{ extensions: { code: 'DOCUMENT_TOO_LARGE', found: 10_202, limit: 10_000 } }],
    });
  });

  it('says what to do where it does not know a hash', async () => {
    for (const documentId of ['sha256:abc', document, '__proto__', `sha256:${sha256(own)}`]) {
      expect(await answerTo('person', { documentId })).toEqual({
        errors: [{ message: expect.stringContaining('reload the page'), extensions: { code: 'DOCUMENT_UNKNOWN' } }],
      });
    }
  });
});
