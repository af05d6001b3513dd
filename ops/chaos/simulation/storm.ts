import type { Post, World } from './world.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** So long time may leap in all: what is wanted today may be asked for again in six days. */
const LONGEST = 6 * DAY;

/** How long commands are kept in the topic. */
const KEPT = 3 * DAY;

/** What goes wrong from outside, blow by blow, until the storm is over. */
export async function rage(world: World): Promise<void> {
  const { plan, scene, store, channel } = world;
  const { dice, clock, counts, tell } = scene;
  let leapt = 0;

  const pause = (post: Post | undefined): void => {
    if (!post) return;
    const { process } = post;
    tell(process.name, 'stands still');
    process.pause();
    clock.after(dice.int(50, dice.pick([500, 8_000, 25_000])), () => {
      tell(process.name, 'goes on');
      process.resume();
    });
  };
  const crash = (post: Post | undefined): void => post && world.crash(post);
  const goBack = (ms: number): void => {
    tell('store', `loses its last ${ms} ms`);
    counts.rolledBack++;
    store.goBack(ms);
  };
  const leap = (): void => {
    const ms = dice.pick([60_000, HOUR, DAY, 5 * DAY]);
    if (leapt + ms > LONGEST || !dice.chance(0.3)) return;
    leapt += ms;
    tell('everybody', `sleeps for ${ms / HOUR} hours`);
    clock.leap(ms);
    channel.retain(KEPT);
  };

  const blows: readonly [() => void, ...(() => void)[]] = [
    () => crash(dice.among(world.alive('worker'))),
    () => crash(dice.among(world.alive('worker'))),
    () => pause(dice.among(world.alive('worker'))),
    () => pause(dice.among(world.alive('worker'))),
    () => world.share(() => dice.chance(0.5)),
    () => world.share(() => dice.chance(0.5)),
    () => goBack(1_000),
    () => goBack(dice.int(1_000, 60_000)),
    () => {
      tell('store', 'is cleared');
      counts.rolledBack++;
      store.clear();
    },
    () => crash(dice.among(world.alive('reactors'))),
    () => crash(dice.among(world.alive('reactors'))),
    () => pause(dice.among(world.alive('reactors'))),
    () => crash(dice.among(world.alive('device'))),
    leap,
  ];

  let over = false;
  const blow = (): void => {
    if (over) return;
    dice.pick(blows)();
    clock.after(dice.int(0, plan.gap), blow);
  };
  clock.after(dice.int(0, plan.gap), blow);
  await clock.run(() => world.broken.length > 0, plan.storm);
  over = true;
}
