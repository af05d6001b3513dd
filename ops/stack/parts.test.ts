import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { alone, markOf } from './alone.js';
import { portsIn } from './brokers.js';
import { brokerProperties, propertiesText } from './kafka.js';
import { freePorts } from './ports.js';
import { endOf, isAlive, launch, self } from './processes.js';
import { startStack, stopStack } from './stack.js';
import { type Running, exportLines, folderOf, makeFolder, readState, running, writeState } from './state.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const folder = mkdtempSync(join(tmpdir(), 'verbatim-stack-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the settings of a broker', () => {
  const ports = [1, 2, 3].map((id) => ({ broker: 20_000 + id, controller: 21_000 + id }));

  it('keep three copies of everything, two of them at least, where there are three', () => {
    const settings = brokerProperties({ id: 2, ports, data: '/data' });
    expect(settings).toMatchObject({
      'node.id': 2,
      listeners: 'PLAINTEXT://127.0.0.1:20002,CONTROLLER://127.0.0.1:21002',
      'controller.quorum.voters': '1@127.0.0.1:21001,2@127.0.0.1:21002,3@127.0.0.1:21003',
      'offsets.topic.replication.factor': 3,
      'min.insync.replicas': 2,
      'auto.create.topics.enable': false,
      'unclean.leader.election.enable': false,
    });
  });

  it('want one copy where there is one', () => {
    const settings = brokerProperties({ id: 1, ports: ports.slice(0, 1), data: '/data' });
    const copies = Object.entries(settings).filter(([key]) => /replicas|replication\.factor|min\.isr/.test(key));
    expect(copies.length).toBeGreaterThan(5);
    expect(copies.filter(([, value]) => value !== 1)).toEqual([]);
  });

  it('are written a line each', () => {
    expect(propertiesText({ 'node.id': 1, 'log.dirs': '/a b' })).toBe('node.id=1\nlog.dirs=/a b\n');
  });
});

it('reads the brokers out of an answer, with and without a rack', () => {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  const noText = Buffer.from([0xff, 0xff]);
  const first = [number(1), text('127.0.0.1'), number(9_092), noText];
  const second = [number(2), text('other.host'), number(40_000), text('rack')];
  const answer = Buffer.concat([number(0), number(1), number(2), ...first, ...second, number(1), number(0)]);
  expect(portsIn(answer)).toEqual([9_092, 40_000]);
});

describe('the variables to set', () => {
  it('survive a shell, whatever is in them', () => {
    const env = { PLAIN: 'redis://127.0.0.1:1,127.0.0.1:2', ODD: `it's $HOME; "x" \\ y`, EMPTY: '' };
    const print = `${exportLines(env)}printf '%s|' "$PLAIN" "$ODD" "$EMPTY"`;
    expect(execFileSync('sh', ['-c', print], { encoding: 'utf8' })).toBe(`${env.PLAIN}|${env.ODD}||`);
    expect(exportLines({ PLAIN: env.PLAIN })).toBe(`export PLAIN=${env.PLAIN}\n`);
  });
});

it('finds ports that outgoing connections do not get', async () => {
  const ports = await freePorts(50);
  expect(new Set(ports).size).toBe(50);
  expect(ports.filter((port) => port < 20_000 || port >= 32_000)).toEqual([]);
});

describe('what is known of a stack', () => {
  const state = (servers: Running['servers']): Running => ({
    folder,
    temporary: false,
    systems: { KAFKA_BROKERS: '127.0.0.1:1' },
    fleet: {},
    servers,
  });
  const server = (pid: number, born: string) => ({
    name: 'kafka 1',
    log: '/none',
    asks: 'SIGTERM' as const,
    pid,
    born,
  });

  it('counts only while one of its processes is alive, not a later one with its number', async () => {
    const child = await launch({
      name: 'sleeper',
      command: process.execPath,
      args: ['-e', 'setInterval(() => {}, 1000)'],
      log: join(folder, 'sleeper'),
      ready: async () => true,
      patience: 10_000,
    });
    const { pid, born } = child.identity();
    writeState(state([server(pid, born)]));
    expect(readState(folder)?.systems).toEqual({ KAFKA_BROKERS: '127.0.0.1:1' });
    expect(statSync(join(folder, 'stack.json')).mode & 0o077).toBe(0);
    writeState(state([server(pid, `${born}0`)]));
    expect(readState(folder)).toBeUndefined();
    expect(() => running(folder)).toThrow(expect.objectContaining({ code: 'STACK_NONE' }));

    writeState(state([server(pid, born)]));
    child.pause();
    await endOf({ pid, born }, 'SIGTERM');
    expect(isAlive({ pid, born })).toBe(false);
    expect(readState(folder)).toBeUndefined();
  });

  it('is not believed where it is of another folder, of another user, or would have a shell do something else', () => {
    const mine = self();
    const file = join(folder, 'stack.json');
    const told = state([server(mine.pid, mine.born)]);
    writeState(told);
    expect(readState(folder)).toEqual(told);
    const user = vi.spyOn(process, 'getuid').mockReturnValue(statSync(file).uid + 1);
    expect(() => running(folder)).toThrow(expect.objectContaining({ code: 'STACK_FOLDER' }));
    user.mockRestore();
    writeFileSync(file, JSON.stringify({ ...told, folder: `${folder}-2` }));
    const elsewhere = { code: 'STACK_FOLDER', message: expect.stringContaining(`of a stack in ${folder}-2`) };
    expect(() => running(folder)).toThrow(expect.objectContaining(elsewhere));
    for (const key of ['A B', 'A;id', 'path', '1A', '']) {
      writeFileSync(file, JSON.stringify({ ...told, systems: { [key]: 'x' } }));
      expect(readState(folder)).toBeUndefined();
    }
  });

  it('is nothing where the file is something else', () => {
    writeFileSync(join(folder, 'stack.json'), '{"servers":[');
    expect(readState(folder)).toBeUndefined();
    writeFileSync(join(folder, 'stack.json'), '{"servers":[{"pid":"1"}]}');
    expect(readState(folder)).toBeUndefined();
  });
});

describe('the folder', () => {
  it('that needs no name is where nobody else can put one before', () => {
    const above = (path: string): readonly string[] => [path, ...(path === dirname(path) ? [] : above(dirname(path)))];
    const there = above(folderOf(undefined)).filter(existsSync);
    expect(there.filter((each) => statSync(each).mode & 0o002)).toEqual([]);
  });

  it('is for this user alone, but that who runs PostgreSQL for root gets through, whatever is usual here', () => {
    const before = process.umask(0o077);
    const made = [join(folder, 'above'), join(folder, 'above/own')];
    const modes = (): readonly number[] => made.map((each) => statSync(each).mode & 0o777);
    try {
      const user = vi.spyOn(process, 'getuid').mockReturnValue(0);
      makeFolder(made[1] ?? '');
      expect(modes()).toEqual([0o711, 0o711]);
      rmSync(made[0] ?? '', { recursive: true });
      process.umask(0);
      user.mockReturnValue(1000);
      makeFolder(made[1] ?? '');
      expect(modes()).toEqual([0o700, 0o700]);
    } finally {
      process.umask(before);
    }
  });
});

describe('what is done with a folder', () => {
  const own = join(folder, 'one');
  const options = {
    folder: own,
    temporary: true,
    kafka: 1,
    redis: 'single',
    keycloak: false,
    publicUrl: 'http://localhost:8080',
  } as const;
  const marks = (): readonly string[] => readdirSync(join(folder, 'cache/locks'));
  // If it did start one, this would end that.
  const say = (line: string): never => {
    throw new Error(`it went on: ${line}`);
  };
  beforeEach(() => void vi.stubEnv('VERBATIM_STACK_CACHE', join(folder, 'cache')));

  it('is done by one process at a time; what another does goes on, and is named', async () => {
    makeFolder(own);
    writeFileSync(join(own, 'of the first'), '');
    const first = await launch({
      name: 'a start',
      command: process.execPath,
      args: ['-e', 'setInterval(() => {}, 1000)'],
      log: join(folder, 'first'),
      ready: async () => true,
      patience: 10_000,
    });
    const mark = markOf(own, first.identity());
    makeFolder(dirname(mark));
    writeFileSync(mark, '');
    const refused = { code: 'STACK_RUNNING', message: expect.stringContaining(`Process ${first.identity().pid} `) };
    await expect(startStack(options, say)).rejects.toMatchObject(refused);
    await expect(stopStack(own)).rejects.toMatchObject(refused);
    expect(existsSync(join(own, 'of the first'))).toBe(true);
    expect(marks()).toEqual([basename(mark)]);

    expect(await alone(`${own}-2`, async () => 'done')).toBe('done');

    await first.kill9();
    expect(await alone(own, async () => marks())).toEqual([basename(markOf(own, self()))]);
    expect(marks()).toEqual([]);
  });

  it('is not done where everybody may write: what is there may be anybody’s, and the folder stays as it is', async () => {
    const open = join(folder, 'open');
    mkdirSync(open);
    chmodSync(open, 0o1777);
    await expect(startStack({ ...options, folder: open }, say)).rejects.toMatchObject({ code: 'STACK_FOLDER' });
    await expect(stopStack(open)).rejects.toMatchObject({ code: 'STACK_FOLDER' });
    expect(statSync(open).mode & 0o7777).toBe(0o1777);
  });

  it('is done again after it has failed', async () => {
    const failing = alone(own, () => Promise.reject(new Error('no disk')));
    await expect(failing).rejects.toThrow('no disk');
    expect(await alone(own, async () => 'done')).toBe('done');
  });
});

describe('a server', () => {
  const wanted = (script: string, log: string) => ({
    name: 'a server',
    command: process.execPath,
    args: ['-e', script],
    log: join(folder, log),
    patience: 20_000,
  });

  it('that ends before it is ready is told with what it said', async () => {
    const ends = launch({
      ...wanted(`console.log('no such setting'); process.exit(3)`, 'ends'),
      ready: async () => false,
    });
    await expect(ends).rejects.toMatchObject({
      code: 'STACK_FAILED',
      message: expect.stringContaining('no such setting'),
    });
  });

  it('that is not there is told, too', async () => {
    const none = { ...wanted('', 'none'), command: '/no/such/program', ready: async () => true };
    await expect(launch(none)).rejects.toMatchObject({ code: 'STACK_FAILED' });
  });

  it('is killed and started again under another number', async () => {
    const again = await launch({ ...wanted('setInterval(() => {}, 1000)', 'again'), ready: async () => true });
    const first = again.identity();
    await again.kill9();
    expect(isAlive(first)).toBe(false);
    await again.start();
    expect(again.identity().pid).not.toBe(first.pid);
    expect(isAlive(again.identity())).toBe(true);
    await again.stop();
    expect(isAlive(again.identity())).toBe(false);
  });

  it('ends with the process that started it, unless it was released', async () => {
    const started = (keep: boolean): string => `
      import { launch } from ${JSON.stringify(new URL('processes.ts', import.meta.url).href)};
      const it = await launch({ name: 'x', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'],
        log: ${JSON.stringify(join(folder, 'left'))}, ready: async () => true, patience: 20000 });
      ${keep ? 'it.release();' : ''}
      console.log(JSON.stringify(it.identity()));
      process.exit(0);`;
    const left = async (keep: boolean): Promise<{ pid: number; born: string }> => {
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', started(keep)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await once(child, 'close');
      return JSON.parse(said);
    };
    const gone = await left(false);
    await expect.poll(() => isAlive(gone)).toBe(false);
    const kept = await left(true);
    expect(isAlive(kept)).toBe(true);
    await endOf(kept, 'SIGKILL');
  });
});
