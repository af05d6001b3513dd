import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Say, cacheFolder, cached, java, lastOf, maven } from './install.js';
import { freePorts } from './ports.js';
import { type Server, launch } from './processes.js';
import { privateFolder } from './state.js';
import { StackError } from './trouble.js';

// Keycloak with a database in its own folder. It is built once, and what an import made of the realm is kept, for both
// take longer than a start.

const VERSION = '26.7.3';

/** What it is called in the cache. */
export const PROGRAMS = `keycloak-${VERSION}`;

/** What is decided when it is built, and cannot be said again at a start. */
const BUILD = ['--db=dev-file', '--health-enabled=true', '--metrics-enabled=true'];

/** What a start with an import took beside others that compiled was 160 s. In ms. */
const PATIENCE = 240_000;

/** How long after a commit the database is surely in its file, in ms. */
const SETTLED = 2_000;

/** What to import: files of Keycloak's own format, `<realm>-realm.json` first, and what stands for the ${…} in them. */
export type Realm = {
  readonly name: string;
  readonly files: readonly string[];
  readonly values: Readonly<Record<string, string>>;
};

export type KeycloakStack = {
  readonly env: { readonly KEYCLOAK_URL: string; readonly KEYCLOAK_ADMIN: string };
  readonly url: string;
  readonly servers: readonly Server[];
  stop(): Promise<void>;
};

/** Starts Keycloak on free ports of 127.0.0.1, with `admin` and the realm in it. Throws StackError. */
export async function startKeycloak(o: {
  readonly folder: string;
  readonly adminPassword: string;
  readonly realm?: Realm;
  readonly say?: Say;
}): Promise<KeycloakStack> {
  const say = o.say ?? (() => undefined);
  const program = await java(say);
  const built = await install(say);
  const data = join(o.folder, 'data');
  makeHome(o.folder, built);
  const [port = 0, management = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${port}`;
  const start = (): Promise<Server> =>
    launch({
      name: 'keycloak',
      // Its database holds the realm's keys. The shell makes way for it, which keeps the shell's number.
      command: 'sh',
      args: [
        '-c',
        'umask 077; exec "$0" "$@"',
        program,
        ...jvm(o.folder, built),
        'start',
        ...startFlags(o.realm),
        ...addressFlags(url, port, management),
      ],
      cwd: o.folder,
      env: { ...o.realm?.values, KC_BOOTSTRAP_ADMIN_USERNAME: 'admin', KC_BOOTSTRAP_ADMIN_PASSWORD: o.adminPassword },
      log: join(o.folder, 'log'),
      // The port is open long before the database is there.
      ready: async () =>
        (await isOk(`http://127.0.0.1:${management}/health/ready`)) &&
        (!o.realm || (await isOk(`${url}/realms/${o.realm.name}`))),
      patience: PATIENCE,
      // It logs every time that it says no.
      pause: 500,
    });

  const key = seedKey(o.adminPassword, o.realm);
  const seed = join(privateFolder(join(cacheFolder(), 'keycloak-seeds')), key);
  const begun = existsSync(join(data, 'h2'));
  const seeded = !begun && existsSync(seed);
  if (seeded) cpSync(seed, join(data, 'h2'), { recursive: true });
  if (!begun && !seeded && o.realm) writeImports(o.realm, join(data, 'import'));
  if (!seeded) say('starting Keycloak; it takes up to a minute the first time …');
  const server = await start();
  if (!begun && !seeded) await keep(server, join(data, 'h2'), seed);
  if (!(await logsIn(url, o.adminPassword))) {
    // A folder of somebody else, or a seed that is not whole.
    rmSync(seed, { recursive: true, force: true });
    await server.kill9();
    throw new StackError(
      'STACK_FAILED',
      `Keycloak runs, but "admin" cannot log in with the password of this stack. Remove ${data} and start again.`,
    );
  }
  return {
    env: { KEYCLOAK_URL: url, KEYCLOAK_ADMIN: `admin:${o.adminPassword}` },
    url,
    servers: [server],
    stop: server.stop,
  };
}

/** What decides how a start turns out; its result is kept under this name. */
export function seedKey(adminPassword: string, realm: Realm | undefined): string {
  const parts = {
    version: VERSION,
    build: BUILD,
    flags: startFlags(realm),
    adminPassword,
    files: realm?.files.map((file) => [basename(file), readFileSync(file, 'utf8')]),
    values: Object.entries(realm?.values ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

const startFlags = (realm: Realm | undefined): readonly string[] => [
  '--optimized',
  ...(realm ? ['--import-realm'] : []),
  '--cache=local',
  '--http-enabled=true',
  '--http-host=127.0.0.1',
];

const addressFlags = (url: string, port: number, management: number): readonly string[] => [
  `--http-port=${port}`,
  `--http-management-port=${management}`,
  `--hostname=${url}`,
];

/**
 * Copies the database while the server stands still, which is what a crash would leave, and it is made to outlive one.
 * Stopping and starting it again would take as long as the import.
 */
async function keep(server: Server, database: string, seed: string): Promise<void> {
  await sleep(SETTLED);
  const draft = `${seed}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  server.pause();
  try {
    for (const name of readdirSync(database).filter((each) => each.endsWith('.mv.db'))) {
      cpSync(join(database, name), join(draft, name));
    }
  } finally {
    server.resume();
  }
  if (existsSync(seed)) rmSync(draft, { recursive: true });
  else renameSync(draft, seed);
}

function writeImports(realm: Realm, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const file of realm.files) cpSync(file, join(folder, basename(file)));
}

/** A home of its own for what a server writes, whose programs are those of the cache. */
function makeHome(folder: string, built: string): void {
  privateFolder(folder);
  for (const name of ['conf', 'lib', 'providers', 'themes']) {
    const link = join(folder, name);
    rmSync(link, { force: true });
    symlinkSync(join(built, name), link);
  }
}

/** What its own script starts, but for the second compiler; a script in between could not be paused or killed. */
const jvm = (folder: string, built: string): readonly string[] => [
  '-Xms256m',
  '-Xmx512m',
  '-XX:+UseG1GC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
  '-Dfile.encoding=UTF-8',
  '-Duser.language=en',
  '-Duser.country=US',
  '-Djava.security.egd=file:/dev/urandom',
  ...opened.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
  `-Djava.util.concurrent.ForkJoinPool.common.threadFactory=${quarkus}.QuarkusForkJoinWorkerThreadFactory`,
  '-Djava.util.logging.manager=org.jboss.logmanager.LogManager',
  '-Dpicocli.disable.closures=true',
  `-Dkc.home.dir=${folder}`,
  `-Djboss.server.config.dir=${join(folder, 'conf')}`,
  '-cp',
  join(built, 'lib/quarkus-run.jar'),
  `${quarkus}.QuarkusEntryPoint`,
];

const opened = ['java.util', 'java.util.concurrent', 'java.security', 'java.lang'];
const quarkus = 'io.quarkus.bootstrap.runner';

const isOk = async (url: string): Promise<boolean> =>
  (await fetch(url, { signal: AbortSignal.timeout(5_000) })).status === 200;

async function logsIn(url: string, password: string): Promise<boolean> {
  const body = new URLSearchParams({ client_id: 'admin-cli', grant_type: 'password', username: 'admin', password });
  const answer = await fetch(`${url}/realms/master/protocol/openid-connect/token`, { method: 'POST', body });
  return answer.status === 200;
}

/** The distribution, with what is decided at its build. */
const install = (say: Say): Promise<string> =>
  cached(PROGRAMS, async (folder) => {
    say(`fetching Keycloak ${VERSION} with Maven (180 MB) …`);
    const name = `keycloak-quarkus-dist-${VERSION}.tar.gz`;
    const artifact = `org.keycloak:keycloak-quarkus-dist:${VERSION}:tar.gz`;
    await maven(say, folder, 'copy', { artifact, outputDirectory: folder });
    const run = promisify(execFile);
    say('building Keycloak; it takes about half a minute, once …');
    try {
      await run('tar', ['-xzf', name, '--strip-components=1'], { cwd: folder });
      rmSync(join(folder, name));
      await run(join(folder, 'bin/kc.sh'), ['build', ...BUILD], { cwd: folder, maxBuffer: 64 << 20 });
    } catch (error) {
      throw new StackError('STACK_INSTALL', `Keycloak could not be built.\n${lastOf(error)}`, { cause: error });
    }
  });
