import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { keycloakIssuer } from './keycloak.js';
import { recordOf } from './keycloak-rest.js';
import { type Browser, type Page, openBrowser, openClient } from './testing.js';

// A realm of its own on a real Keycloak, made from the file that installations import, and dropped at the end.

const deploy = new URL('../../ops/deploy/keycloak/', import.meta.url);
const ADMIN_SECRET = 'the secret of the admin client, in tests';
const PROGRAM_SECRET = 'the secret of a program, in tests';

export type RealmOptions = {
  /** Where the page is, for redirects. */
  readonly publicUrl?: string;
  /** Where Keycloak finds the gateway, for logouts. */
  readonly gatewayUrl?: string;
  readonly registration?: boolean;
  /** What the realm has otherwise than its file. */
  readonly changes?: object;
};

export type Realm = Awaited<ReturnType<typeof openRealm>>;

/** A file of the deployment with its placeholders filled in, as Keycloak does it at an import. */
export function realmFile(name: string, env: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  const text = readFileSync(new URL(name, deploy), 'utf8');
  const filled = text.replace(/\$\{([A-Z_]+)(?::([^}]*))?\}/g, (whole, key: string, fallback?: string) => {
    return env[key] ?? fallback ?? whole;
  });
  return recordOf(JSON.parse(filled));
}

/** `url` of the server; KEYCLOAK_ADMIN is `user:password` of its administrator. */
export async function openRealm(url: string, options: RealmOptions = {}) {
  const { publicUrl = 'http://localhost:8080', gatewayUrl = publicUrl } = options;
  const realm = `test-${randomUUID()}`;
  const master = await signInAsAdmin(url);
  const file = realmFile('verbatim-realm.json', {
    PUBLIC_URL: publicUrl,
    VERBATIM_GATEWAY_URL: gatewayUrl,
    VERBATIM_REGISTRATION: String(options.registration ?? false),
    VERBATIM_PROGRAM_SECRET: PROGRAM_SECRET,
    OIDC_ADMIN_SECRET: ADMIN_SECRET,
  });
  const people = realmFile('dev/verbatim-users-0.json', {})['users'];
  const users = [file['users'], people].flat().map((user) => {
    // Ids are unique in a whole Keycloak, and other realms have these people, too.
    const { id: _, ...rest } = recordOf(user);
    return rest;
  });
  await master('POST', '', { ...file, users, ...options.changes, realm });

  const issuer = `${url}/realms/${realm}`;
  const endpoint = (name: string): string => `${issuer}/protocol/openid-connect/${name}`;
  const jwksUrl = endpoint('certs');
  const rest = (path: string, method = 'GET', body?: object): Promise<unknown> =>
    master(method, `/${realm}${path}`, body);
  const list = async (path: string) => [await rest(path)].flat().map(recordOf);
  const place = { origin: publicUrl, provider: () => ({ issuer }) };
  const adminClient = { baseUrl: url, realm, clientId: 'verbatim-admin', clientSecret: ADMIN_SECRET };

  return {
    realm,
    issuer,
    jwksUrl,
    /** Asks as the administrator of the whole server. */
    rest,
    list,
    adminClient,
    /** As the gateway has it, but for its patience. */
    provider: (more: { readonly cacheMaxAge?: number; readonly cooldown?: number } = {}) =>
      keycloakIssuer({ issuer, jwksUrl, cooldown: 0, ...more }),
    /** What the service account of the admin client may do in the realm beyond what its file gives. */
    allowAdmin: async (role: string): Promise<void> => {
      const [service] = await list(`/users?exact=true&username=service-account-verbatim-admin`);
      const [management] = await list('/clients?clientId=realm-management');
      const path = `/users/${String(service?.['id'])}/role-mappings/clients/${String(management?.['id'])}`;
      await rest(
        path,
        'POST',
        (await list(`${path}/available`)).filter(({ name }) => name === role),
      );
    },
    /** Makes a new key the one that signs, and takes the others away. */
    rotateKeys: async (): Promise<void> => {
      const { id } = recordOf(await rest(''));
      const type = 'org.keycloak.keys.KeyProvider';
      const old = (await list(`/components?type=${type}`)).filter(({ providerId }) => providerId === 'rsa-generated');
      await rest('/components', 'POST', {
        name: `rotated-${randomUUID()}`,
        providerId: 'rsa-generated',
        providerType: type,
        parentId: id,
        config: { priority: ['200'], enabled: ['true'], active: ['true'], algorithm: ['RS256'] },
      });
      for (const key of old) {
        const config = { ...recordOf(key['config']), active: ['false'], enabled: ['false'] };
        await rest(`/components/${String(key['id'])}`, 'PUT', { ...key, config });
      }
    },
    client: (clientId?: string) => openClient(place, clientId),
    browser: (): Browser => openBrowser(place, '/realms/'),
    subjectOf: async (username: string): Promise<string> => {
      const [found] = await list(`/users?exact=true&username=${username}`);
      return String(found?.['id']);
    },
    /** A token of the program's client, by client credentials. */
    programToken: async (): Promise<string> => {
      const body = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'verbatim-program',
        client_secret: PROGRAM_SECRET,
      });
      const response = await fetch(endpoint('token'), { method: 'POST', body });
      return String(recordOf(await response.json())['access_token']);
    },
    close: () => master('DELETE', `/${realm}`),
  };
}

/** Somebody signs in through Keycloak's own page. Resolves with their tokens, and the browser for what comes after. */
export async function signIn(realm: Realm, username: string, clientId?: string) {
  const [client, browser] = [await realm.client(clientId), realm.browser()];
  const { url, redeem } = await client.begin();
  const form: Page = await browser.open(url);
  const callback = await browser.submit(form, { username, password: `correct-horse-${username}`, credentialId: '' });
  return { client, browser, tokens: await redeem(callback) };
}

type Master = (method: string, path: string, body?: object) => Promise<unknown>;

/** Asks the administration of all realms. Throws what went wrong: a test cannot go on then. */
async function signInAsAdmin(url: string): Promise<Master> {
  const [username = '', password = ''] = (process.env['KEYCLOAK_ADMIN'] ?? '').split(/:(.*)/s);
  const body = new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username, password });
  const askToken = async (): Promise<string> => {
    const response = await fetch(`${url}/realms/master/protocol/openid-connect/token`, { method: 'POST', body });
    if (!response.ok) throw new Error(`KEYCLOAK_ADMIN is not the administrator of ${url}: ${await response.text()}`);
    return String(recordOf(await response.json())['access_token']);
  };
  return async (method, path, sent) => {
    const response = await fetch(`${url}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${await askToken()}`, 'content-type': 'application/json' },
      ...(sent ? { body: JSON.stringify(sent) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} at Keycloak: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
}
