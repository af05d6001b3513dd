import { STATE } from '../../../domain/catalogue.js';
import { type Uuid, derivedId, inBucket, randomUuid } from '../../../domain/ids.js';
import { type CommandClient, createClient } from '../../../commands/client/client.js';
import type { CommandSource } from '../../../commands/command.js';
import { memoryKeys } from '../../../commands/keys/memory.js';
import type { Log } from '../../../commands/log/log.js';
import { memoryDisk } from '../../../commands/log/memory.js';
import { memorySnapshots } from '../../../commands/snapshots/memory.js';
import type { Snapshots } from '../../../commands/snapshots/snapshots.js';
import { type OwnerOptions, Unowned } from '../../../commands/worker/owner.js';
import { type Worker, startWorker } from '../../../commands/worker/worker.js';
import { createChannel } from './channel.js';
import { T0, createClock } from './clock.js';
import { createDice } from './dice.js';
import { CutOff, logFor } from './log.js';
import type { Mistake } from './mistakes.js';
import { type Device, type Person, live } from './people.js';
import { writePast } from './past.js';
import { drawPlan } from './plan.js';
import { type Process, createProcess } from './process.js';
import { react } from './reactors.js';
import { type Scene, noCounts } from './scene.js';
import { createStore, snapshotsFor } from './shelf.js';

/** A place in the fleet, where one process follows the other. */
export type Post = {
  readonly role: 'worker' | 'reactors' | 'device';
  readonly name: string;
  times: number;
  process: Process;
  readonly begin: (process: Process) => void;
};

export type World = ReturnType<typeof createWorld>;

/** A whole fleet and its people, made from a seed, with everything running. Nothing moves before its clock does. */
export function createWorld(seed: number, mistake: Mistake | undefined) {
  const dice = createDice(seed);
  const plan = drawPlan(dice);
  const clock = createClock(dice);
  const trace: string[] = [];
  const scene: Scene = {
    dice,
    clock,
    weather: plan.weather,
    counts: noCounts(),
    tell: (who, what) => {
      trace.push(`${((clock.now() - T0) / 1_000).toFixed(3).padStart(10)}  ${who.padEnd(13)} ${what}`);
    },
  };
  const disk = memoryDisk({ partitions: plan.partitions, id: randomUuid(dice.bytes(16)) });
  const store = createStore(scene, mistake?.goesBack);
  const channel = createChannel(scene, disk, { ...plan.channel, ...mistake?.channel });
  const keys = memoryKeys({ random: dice.bytes });
  const broken: string[] = [];
  const workers = new Map<Process, Worker>();

  /** What a process is given, with the mistake planted into it, if there is one. */
  const logOf = (process: Process): Log => {
    const log = logFor(process, disk, scene);
    return mistake?.log?.(log, { process, scene, disk }) ?? log;
  };
  const storeOf = (process: Process): Snapshots => {
    const place = { process, scene, disk };
    const honest = memorySnapshots(STATE, store.shelf);
    return snapshotsFor(process, mistake?.snapshots?.(honest, place) ?? honest, store, scene);
  };
  const sourceOf = (process: Process): CommandSource => {
    const source = channel.sourceFor(process);
    return mistake?.source?.(source, { process, scene, disk }) ?? source;
  };
  const clientOf = (process: Process): CommandClient =>
    createClient({
      channel: channel.channelFor(process),
      keys,
      partitions: plan.partitions,
      now: process.now,
      random: dice.bytes,
      wait: process.wait,
    });

  const ownerOptions = (process: Process): Omit<OwnerOptions, 'partition'> & Pick<Process, 'wait'> => ({
    log: logOf(process),
    snapshots: storeOf(process),
    now: process.now,
    random: dice.bytes,
    wait: process.wait,
    limits: plan.limits,
    onTrouble: (error) => scene.tell(process.name, `waits: ${String(error)}`),
    onDeadLetter: ({ type, id }, error) => broken.push(`${type} ${id} threw ${String(error)}`),
  });

  const posts: Post[] = [];
  const open = (role: Post['role'], number: number, begin: Post['begin']): Post => {
    const name = `${role}-${number}`;
    const post = { role, name, times: 0, process: born(`${name}.0`), begin };
    posts.push(post);
    begin(post.process);
    return post;
  };
  const born = (name: string): Process => createProcess({ name, clock, skew: dice.int(-plan.skew, plan.skew) });

  const alive = (role: Post['role']): readonly Post[] =>
    posts.filter((post) => post.role === role && post.process.alive);

  /** Hands the partitions that nobody has to those who are there. */
  const share = (which: (owner: Process | undefined) => boolean): void => {
    for (let partition = 0; partition < plan.partitions; partition++) {
      const heir = dice.among(alive('worker'));
      if (heir && which(channel.owners[partition])) channel.assign(partition, heir.process);
    }
  };
  const orphaned = (owner: Process | undefined): boolean => owner?.alive !== true;

  const crash = (post: Post): void => {
    if (!post.process.alive) return;
    scene.counts.crashes++;
    scene.tell(post.process.name, 'crashes');
    post.process.kill();
    workers.delete(post.process);
    // It takes a while until the group notices.
    if (post.role === 'worker') clock.after(dice.int(300, 6_000), () => share(orphaned));
    clock.after(dice.int(100, 10_000), () => {
      post.process = born(`${post.name}.${++post.times}`);
      scene.tell(post.process.name, 'starts');
      post.begin(post.process);
      if (post.role === 'worker') share((owner) => orphaned(owner) || dice.chance(0.3));
    });
  };

  const employ = (number: number): void => {
    const post = open('worker', number, (process) => {
      const worker = startWorker({
        ...ownerOptions(process),
        source: sourceOf(process),
        onFailure: (error) => {
          scene.tell(process.name, `stops: ${String(error)}`);
          if (!isExplained(error)) broken.push(String(error));
          crash(post);
        },
      });
      workers.set(process, worker);
    });
  };

  const people = Array.from({ length: plan.people }, (_, n): Person => {
    const id = derivedId(disk.log.id, `person ${n}`);
    return { id: inBucket(id, dice.int(0, 4095)), conversations: [], wishes: [] };
  });
  const devices = Array.from({ length: plan.devices }, (_, n): Device => {
    const owner = people[n % people.length];
    if (!owner) throw new Error('nobody lives here');
    return { owner, left: plan.wishes };
  });

  const [first] = people;
  if (plan.past && first) writePast(disk, first, dice);

  for (let n = 1; n <= plan.workers; n++) employ(n);
  share(() => true);
  const executors = new Map<Uuid, Process>();
  for (let n = 1; n <= plan.reactors; n++) {
    open('reactors', n, (process) => {
      const client = clientOf(process);
      const planted = mistake?.reactor?.(client, { process, scene, disk }) ?? client;
      void react({ process, log: logOf(process), client: planted, keys, scene, executors });
    });
  }
  for (const [n, device] of devices.entries()) {
    open('device', n + 1, (process) => {
      const client = clientOf(process);
      const planted = mistake?.client?.(client, { process, scene, disk }) ?? client;
      void live(device, people, process, planted, scene);
    });
  }

  return {
    plan,
    scene,
    trace,
    disk,
    store,
    channel,
    posts,
    people,
    devices,
    workers,
    broken,
    alive,
    share,
    crash,
    born,
    ownerOptions,
  };
}

/** What stops a worker for a reason that lies in the world. It starts again. */
const isExplained = (error: unknown): boolean => error instanceof Unowned || error instanceof CutOff;
