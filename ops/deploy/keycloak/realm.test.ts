import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { roles } from '../../../domain/instance.js';
import { recordOf } from '../../../gateway/identity/keycloak-rest.js';

// The shape of the files; that Keycloak takes them is tried in gateway/identity/keycloak.test.ts.

const read = (name: string) => recordOf(JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')));
const list = (value: unknown) => [value].flat().map(recordOf);

const realm = read('verbatim-realm.json');
const clients = new Map(list(realm['clients']).map((client) => [client['clientId'], client]));
const client = (id: string) => recordOf(clients.get(id));

describe('the realm', () => {
  it('is named as its file, so that an import finds it', () => {
    expect(realm['realm']).toBe('verbatim');
    expect(read('dev/verbatim-users-0.json')['realm']).toBe('verbatim');
  });

  it('holds no secret and no address: all come from the environment, secrets without a default', () => {
    for (const [id, { secret }] of clients) {
      expect([id, secret ?? '']).toEqual([id, expect.stringMatching(/^$|^\$\{[A-Z_]+\}$/)]);
    }
    const text = JSON.stringify(realm);
    expect(text).not.toMatch(/https?:\/\//);
    expect(text).not.toMatch(/"(credentials|secretData|privateKey)"/);
    const names = [...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);
    expect([...new Set(names)].sort()).toEqual([
      'OIDC_ADMIN_SECRET',
      'PUBLIC_URL',
      'VERBATIM_GATEWAY_URL',
      'VERBATIM_PROGRAM_SECRET',
      'VERBATIM_REGISTRATION',
    ]);
  });

  it('leaves the scopes of Keycloak alone: with one of its own they would be missing, and `sub` with them', () => {
    expect(realm).not.toHaveProperty('clientScopes');
    for (const { defaultClientScopes = ['basic'] } of clients.values()) expect(defaultClientScopes).toContain('basic');
  });

  it('has the roles of the product, of which everybody gets `user`', () => {
    const all = list(recordOf(realm['roles'])['realm']);
    const { name } = recordOf(realm['defaultRole']);
    expect(all.map((role) => role['name'])).toEqual([...roles, name]);
    expect(all.find((role) => role['name'] === name)).toMatchObject({ composites: { realm: ['user'] } });
  });

  it('has tokens of five minutes, rotates refresh tokens, and slows down who guesses', () => {
    expect(realm).toMatchObject({
      accessTokenLifespan: 300,
      ssoSessionIdleTimeout: 1800,
      revokeRefreshToken: true,
      refreshTokenMaxReuse: 0,
      bruteForceProtected: true,
      sslRequired: 'external',
      defaultSignatureAlgorithm: 'RS256',
      registrationAllowed: '${VERBATIM_REGISTRATION:false}',
    });
    expect(realm['passwordPolicy']).toContain('length(12)');
  });

  it('has a page that signs in by code and PKCE alone, at one address, and is told of logouts', () => {
    expect(client('verbatim-ui')).toMatchObject({
      publicClient: true,
      standardFlowEnabled: true,
      implicitFlowEnabled: false,
      directAccessGrantsEnabled: false,
      serviceAccountsEnabled: false,
      fullScopeAllowed: false,
      redirectUris: ['${PUBLIC_URL}/auth/callback'],
      webOrigins: ['${PUBLIC_URL}'],
      attributes: {
        'pkce.code.challenge.method': 'S256',
        'post.logout.redirect.uris': '${PUBLIC_URL}/',
        'backchannel.logout.url': '${VERBATIM_GATEWAY_URL}/backchannel-logout',
        'backchannel.logout.session.required': 'true',
      },
    });
  });

  it('has clients for programs that nobody can sign in at, and an admin that may do what it must', () => {
    for (const id of ['verbatim-program', 'verbatim-admin']) {
      expect(client(id)).toMatchObject({
        publicClient: false,
        standardFlowEnabled: false,
        implicitFlowEnabled: false,
        directAccessGrantsEnabled: false,
        serviceAccountsEnabled: true,
      });
    }
    expect(realm['users']).toEqual([
      {
        username: 'service-account-verbatim-admin',
        enabled: true,
        serviceAccountClientId: 'verbatim-admin',
        clientRoles: { 'realm-management': ['view-users', 'query-users', 'manage-users'] },
      },
    ]);
  });

  it('keeps people for development in a file of their own', () => {
    const people = list(read('dev/verbatim-users-0.json')['users']);
    expect(people.map(({ username }) => username)).toEqual(['ana', 'bob', 'cleo']);
  });
});
