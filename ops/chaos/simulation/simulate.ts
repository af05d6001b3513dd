import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { decode } from '../../../domain/catalogue.js';
import { type Incoming, Refused } from '../../../commands/command.js';
import { nameOf } from '../../../commands/worker/memory.js';
import { type Owner, createOwner } from '../../../commands/worker/owner.js';
import { fold, noFacts } from '../../../projections/readmodel/obligations/fold.js';
import { check, grouped } from './checker.js';
import { T0 } from './clock.js';
import type { History } from './history.js';
import { validOf } from './log.js';
import type { Mistake } from './mistakes.js';
import { type Counts, calm } from './scene.js';
import { rage } from './storm.js';
import { type World, createWorld } from './world.js';

/** How long it may take, once nothing goes wrong any more, until everything is answered, in ms. */
const PATIENCE = 90 * 60_000;

/** So long what hangs somewhere may still come, and what has become due may still take, in ms. */
const AFTERMATH = 45_000;

const DAY = 86_400_000;

export type Result = {
  readonly seed: number;
  readonly findings: readonly string[];
  readonly history: History;
  readonly counts: Counts & { readonly voids: number; readonly ms: number };
  readonly trace: readonly string[];
  /** Equal if, and only if, the same things happened in the same order at the same times. */
  readonly hash: string;
};

/** Lives through the world of a seed: a storm, the calm after it, and a look at what is left. */
export async function simulate(seed: number, mistake?: Mistake): Promise<Result> {
  const world = createWorld(seed, mistake);
  const { scene, channel, disk, broken, trace, store } = world;
  const { clock } = scene;
  await rage(world);

  scene.weather = calm;
  scene.tell('everybody', 'sees the storm go');
  for (const { process } of world.posts) process.resume();
  const unfinished = await settle(world);
  const unheard = channel.topic
    .flatMap(({ commands, start }) => commands.slice(start))
    .filter(({ answered, refused }) => !answered && !refused);
  if (broken.length === 0 && unfinished.length === 0) unfinished.push(...(await audit(world)));

  const seen = grouped(
    channel.topic.flatMap(({ commands }) => commands),
    ({ command }) => nameOf(command),
  );
  const history: History = {
    files: disk.files,
    shelf: store.shelf,
    wanted: new Set(world.people.flatMap(({ wishes }) => wishes.map(({ draft }) => nameOf(draft)))),
    told: channel.told,
    known: channel.known,
    refused: [...seen].flatMap(([name, all]) =>
      all.length === 1 && all.every(({ refused, taken }) => refused && taken === 1) ? [name] : [],
    ),
    unheard: unheard.map(({ command }) => nameOf(command)),
    unfinished,
    broken,
  };
  const valid = disk.files.map(validOf);
  const records = disk.files.reduce((sum, file) => sum + file.length, 0);
  scene.counts.takeovers = valid.flat().filter(({ entry }) => entry.kind === 'takeover').length;
  return {
    seed,
    findings: check(history),
    history,
    counts: { ...scene.counts, voids: records - valid.flat().length, ms: clock.now() - T0 },
    trace,
    hash: createHash('sha256').update(trace.join('\n')).digest('base64url'),
  };
}

/** Waits until everything is answered, and what hung has come. Returns what never ends. */
async function settle(world: World): Promise<string[]> {
  const { scene, channel, devices, broken } = world;
  const { clock } = scene;
  const isBroken = (): boolean => broken.length > 0;
  const satisfied = (): boolean => devices.every(({ left }) => left === 0) && channel.settled();
  const begun = clock.now();
  const left = (): number => begun + PATIENCE - clock.now();
  await clock.run(() => isBroken() || satisfied(), PATIENCE);
  while (!isBroken() && left() > 0 && (stillOwed(world).length > 0 || !satisfied())) {
    await clock.run(isBroken, Math.min(10_000, left()));
  }
  await clock.run(isBroken, AFTERMATH);
  // What became due meanwhile may be under way at this very moment.
  while (!isBroken() && left() > 0 && !satisfied()) await clock.run(isBroken, Math.min(10_000, left()));
  return [
    ...devices.flatMap(({ wish }) => (wish ? [`a person still wants ${wish.draft.type} ${nameOf(wish.draft)}`] : [])),
    ...stillOwed(world),
    ...(channel.settled() ? [] : ['the topic']),
  ];
}

/** What the log promises and nobody has kept yet, although it is due. */
function stillOwed({ disk, scene }: World): readonly string[] {
  return disk.files.flatMap((file, partition) => {
    const facts = noFacts();
    for (const { offset, entry } of validOf(file)) {
      if (entry.kind === 'event') fold(facts, { event: decode(entry.event), partition, offset });
    }
    return [...facts.owed.values()].flatMap((owed) => {
      const due = owed.kind !== 'expiry' || Date.parse(owed.expires) < scene.clock.now() - AFTERMATH;
      return due ? [`${owed.kind} ${owed.id}`] : [];
    });
  });
}

/**
 * One more worker takes everything over and is asked for everything that was decided: it answers the same. Then it is
 * asked again after so long that it may have forgotten: it answers the same, or that it is too late.
 */
async function audit(world: World): Promise<readonly string[]> {
  const { scene, channel, disk, workers, born, ownerOptions, broken } = world;
  const { clock, tell } = scene;
  const through = async (work: () => Promise<unknown>): Promise<boolean> => {
    let ended = false;
    work().then(
      () => (ended = true),
      (error: unknown) => broken.push(String(error)),
    );
    return clock.run(() => ended || broken.length > 0, PATIENCE);
  };
  if (!(await through(() => Promise.all([...workers.values()].map(({ stop }) => stop()))))) return ['a worker stops'];

  const process = born('auditor');
  const found: string[] = [];
  const inLog = new Set(
    disk.files
      .flatMap(validOf)
      .flatMap(({ entry }) =>
        'outcomes' in entry ? (entry.outcomes ?? []).map(({ actor, command: id }) => nameOf({ actor, id })) : [],
      ),
  );
  const owners = channel.topic.map((_, partition) => createOwner({ ...ownerOptions(process), partition }));
  const asked = (partition: number, late: boolean): readonly Incoming[] =>
    (channel.topic[partition]?.commands ?? []).flatMap(({ command }) => {
      const name = nameOf(command);
      if (!late && !inLog.has(name)) return [];
      return {
        command,
        answer: (answer) => void channel.told.push({ name, hash: command.hash, answer }),
        refuse: (refusal: Refused) => {
          if (!late || refusal.code !== 'EXPIRED') found.push(`the auditor is refused ${name}: ${refusal.message}`);
        },
      };
    });
  const lookAt = async (partition: number, owner: Owner): Promise<void> => {
    await owner.takeOver();
    await owner.process(asked(partition, false));
    await owner.flush();
  };
  if (!(await through(() => Promise.all(owners.map((owner, n) => lookAt(n, owner)))))) found.push('the audit');
  const lengths = disk.files.map(({ length }) => length);
  clock.leap(9 * DAY);
  const again = owners.map((owner, n) => () => owner.process(asked(n, true)));
  if (!(await through(() => Promise.all(again.map((ask) => ask()))))) found.push('the late audit');
  if (
    !isDeepStrictEqual(
      lengths,
      disk.files.map(({ length }) => length),
    )
  )
    found.push('the late audit changes the log');
  tell('auditor', 'has seen everything');
  return found;
}
