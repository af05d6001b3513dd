import { type Role, roles } from '../../domain/instance.js';
import { type Account, type Directory, DirectoryError, unknownAccount } from './identity.js';
import { type Rest, type RestOptions, keycloakRest, recordOf, unexpected } from './keycloak-rest.js';

export type KeycloakAccounts = Directory & {
  /**
   * Makes accounts under the subjects that they have elsewhere, with their passwords if those are argon2 hashes in PHC
   * form; others have to choose a new one at their first sign-in. Whoever is there already under their subject is left
   * as they are, so it may be done again. Resolves with how many were made. Rejects with ACCOUNT_TAKEN where a login or
   * an address is somebody else's; of one call, all others may have been made. The service account needs `manage-realm` for this.
   */
  create(people: readonly Newcomer[]): Promise<number>;
};

export type Newcomer = Account & { readonly email?: string; readonly password?: string };

export type AccountsOptions = RestOptions & {
  /** How many people are listed at a time. */
  readonly page?: number;
};

/** The people of a Keycloak realm, by its admin REST API. The service account needs `view-users`, `query-users` and `manage-users`. */
export function keycloakAccounts(options: AccountsOptions): KeycloakAccounts {
  const rest = keycloakRest(options);

  const find = async (subject: string): Promise<Account | undefined> => {
    const path = pathOf(subject);
    const user = path && (await rest(path));
    if (!user) return undefined;
    const { id, username, firstName, lastName } = recordOf(user);
    const name = [firstName, lastName].filter((each) => typeof each === 'string' && each !== '').join(' ');
    return {
      subject: String(id),
      login: String(username),
      name: name === '' ? String(username) : name,
      roles: rolesAmong(await named(rest, `${path}/role-mappings/realm/composite`)),
    };
  };

  return {
    find,
    subjects: () => pages(rest, options.page ?? 500),
    erase: async (subjects) => {
      for (const path of subjects.flatMap((subject) => pathOf(subject) ?? [])) await rest(path, 'DELETE');
    },
    setRoles: async (subject, granted) => {
      if (!(await find(subject))) throw unknownAccount(subject);
      const path = `${pathOf(subject)}/role-mappings/realm`;
      const has = await named(rest, path);
      const wanted = (name: string): boolean => granted.some((role) => role === name);
      const more = (await named(rest, `${path}/available`)).filter(({ name }) => isRole(name) && wanted(name));
      const less = has.filter(({ name }) => isRole(name) && name !== 'user' && !wanted(name));
      const missing = granted.filter((role) => ![...has, ...more].some(({ name }) => name === role));
      // Everybody has `user` from the default role.
      const unknown = missing.filter((role) => role !== 'user');
      if (unknown.length > 0) {
        throw new DirectoryError('IDENTITY_UNEXPECTED', `the realm has no role ${unknown.join(', ')}: import its file`);
      }
      if (more.length > 0) await rest(path, 'POST', more);
      if (less.length > 0) await rest(path, 'DELETE', less);
    },
    create: (people) => create(rest, people),
  };
}

/** Where an account is in the API. Undefined for what can be no subject: it must not lead anywhere else, as `..` does. */
const pathOf = (subject: string): string | undefined =>
  /^(?!\.+$)[\w.:@+-]+$/.test(subject) ? `/users/${encodeURIComponent(subject)}` : undefined;

/**
 * Yields everybody by pages. Who is deleted meanwhile moves those behind them up, so pages overlap by a fifth, and where one
 * shares nobody with the page before it, somebody was passed over: it goes back. Then some come twice.
 */
async function* pages(rest: Rest, size: number): AsyncGenerator<readonly string[]> {
  let before = new Set<string>();
  for (let first = 0; ;) {
    const path = `/users?briefRepresentation=true&first=${first}&max=${size}`;
    const page = (await listOf(rest, path)).map((user) => String(recordOf(user)['id']));
    if (first > 0 && !page.some((id) => before.has(id))) {
      first = Math.max(0, first - size);
      continue;
    }
    yield page.filter((id) => !before.has(id));
    if (page.length < size) return;
    before = new Set(page);
    first += size - Math.ceil(size / 5);
  }
}

async function create(rest: Rest, people: readonly Newcomer[]): Promise<number> {
  const { name: everybodys } = recordOf(recordOf(await rest(''))['defaultRole']);
  const result = await rest('/partialImport', 'POST', {
    ifResourceExists: 'SKIP',
    users: people.map(({ subject, login, name, email, roles: granted, password }) => ({
      id: subject,
      username: login,
      enabled: true,
      firstName: name,
      ...(email === undefined ? {} : { email }),
      realmRoles: [String(everybodys), ...granted],
      ...credentialsOf(password),
    })),
  });
  const { added, results } = recordOf(result);
  if (typeof added !== 'number' || !Array.isArray(results)) throw unexpected('POST', '/partialImport', 200);
  const subjects = new Map(people.map(({ subject, login }) => [login.toLowerCase(), subject]));
  const taken = results.map(recordOf).filter(({ resourceName, id, action }) => {
    return action === 'SKIPPED' && subjects.get(String(resourceName).toLowerCase()) !== id;
  });
  if (taken.length === 0) return added;
  const names = taken.map(({ resourceName }) => String(resourceName)).join(', ');
  throw new DirectoryError('ACCOUNT_TAKEN', `others have these names in Keycloak: ${names}`);
}

/** Keycloak checks argon2 with the parameters that stand beside a hash, whatever its own are. */
function credentialsOf(phc: string | undefined): object {
  const parts = /^\$argon2(id|i|d)\$v=(\d+)\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(phc ?? '');
  if (!parts) return { requiredActions: ['UPDATE_PASSWORD'] };
  const [, type, version, memory, iterations, parallelism, salt = '', hash = ''] = parts;
  const base64 = (text: string): string => Buffer.from(text, 'base64').toString('base64');
  const credentialData = {
    algorithm: 'argon2',
    hashIterations: Number(iterations),
    additionalParameters: {
      type: [type],
      version: [version === '19' ? '1.3' : '1.0'],
      memory: [memory],
      parallelism: [parallelism],
      hashLength: [String(Buffer.from(hash, 'base64').length)],
    },
  };
  const secretData = { value: base64(hash), salt: base64(salt), additionalParameters: {} };
  return {
    credentials: [
      {
        type: 'password',
        credentialData: JSON.stringify(credentialData),
        secretData: JSON.stringify(secretData),
      },
    ],
  };
}

type Named = { readonly id: string; readonly name: string };

const named = async (rest: Rest, path: string): Promise<readonly Named[]> =>
  (await listOf(rest, path)).map(recordOf).map(({ id, name }) => ({ id: String(id), name: String(name) }));

async function listOf(rest: Rest, path: string): Promise<readonly unknown[]> {
  const list = await rest(path);
  if (Array.isArray(list)) return list;
  // Who went between two questions has no roles.
  if (list === undefined) return [];
  throw unexpected('GET', path, 200);
}

const isRole = (name: string): boolean => roles.some((role) => role === name);

const rolesAmong = (names: readonly Named[]): readonly Role[] =>
  roles.filter((role) => names.some(({ name }) => name === role));
