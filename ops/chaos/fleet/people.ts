import type { Uuid } from '../../../domain/ids.js';
import { createDice } from '../simulation/dice.js';
import { type Client, startFleetClient } from './client.js';
import type { World } from './world.js';

/** So many people share a conversation, and each is in as many. */
const MEMBERS = 4;
/** How long somebody thinks before they send the next, in ms. */
const THINKING = [50, 600] as const;

export type People = {
  readonly clients: readonly Client[];
  /** Has everybody send at once. */
  hurry(): void;
  /** Has everybody ask, in between, for what they are refused where nothing else happens; or no longer. */
  wander(on: boolean): void;
  cut(): void;
  /** Lets everybody end what they have begun. Resolves when all of it is decided. */
  end(): Promise<void>;
};

export type PeopleOptions = {
  readonly world: World;
  readonly seed: number;
  readonly random: (bytes: number) => Uint8Array;
  readonly wait: (ms: number) => Promise<void>;
};

/**
 * Has everybody start a conversation, add some others to it, and then watch, post and rename in those that they are in,
 * one command after the other, until they are told to end. Resolves when all conversations are there.
 */
export async function gather({ world, seed, random, wait }: PeopleOptions): Promise<People> {
  const clients = world.accounts.map((account, n) => {
    const dice = createDice(seed + n);
    const chance = (): number => dice.int(0, 999_999) / 1_000_000;
    return startFleetClient({ name: `client ${n}`, account, gateways: [world.fleet.url], random, chance, wait });
  });
  // Nobody is taken in who was never seen here.
  await Promise.all(clients.map((client, n) => client.shown(`user_${world.accounts[n]?.user}`)));
  const started = await Promise.all(clients.map((client, n) => found(client, neighbours(world.accounts, n))));
  // Nobody writes there any more: who must read such a stream to refuse something has it as the store has it.
  const quiet = await Promise.all(clients.map((client, n) => found(client, neighbours(world.accounts, n).slice(0, 1))));
  const alarms = new Set<() => void>();
  let [ending, wandering] = [false, false];
  const think = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const go = (): void => {
        alarms.delete(go);
        resolve();
      };
      alarms.add(go);
      void wait(ms).then(go);
    });
  const living = clients.map(async (client, n) => {
    const dice = createDice(seed + 1_000 + n);
    const mine = started.filter((_, of) => of === n || neighbours([...started.keys()], of).includes(n));
    for (const conversation of mine) client.watch(conversation);
    const another = inIt(quiet.at(n - 1) ?? '');
    while (!ending) {
      if (wandering) await client.send('conversationRename', { ...another, title: 'not mine' });
      const id = dice.among(mine) ?? '';
      // Who may not rename is told so: that, too, is an answer to be kept to.
      if (dice.chance(0.3)) await client.send('conversationRename', { ...inIt(id), title: `title ${dice.int(0, 99)}` });
      else await client.send('messagePost', { ...inIt(id), ...wordsOf(client, id), parent: null, fork: true });
      await think(dice.int(...THINKING));
    }
  });
  const everybody = Promise.all(living);
  everybody.catch(() => undefined);
  return {
    clients,
    hurry: () => {
      for (const go of alarms) go();
    },
    wander: (on) => {
      wandering = on;
    },
    cut: () => {
      for (const client of clients) client.cut();
    },
    end: async () => {
      ending = true;
      for (const go of alarms) go();
      await everybody;
    },
  };
}

/** Those who come after somebody, in a ring. */
const neighbours = <T>(all: readonly T[], n: number): readonly T[] =>
  [...all.slice(n + 1), ...all.slice(0, n)].slice(0, MEMBERS - 1);

const inIt = (id: Uuid) => ({ conversation: `conversation_${id}` });

const wordsOf = (client: Client, id: Uuid) => ({
  message: `message_${client.newId(id)}`,
  reply: `message_${client.newId(id)}`,
  text: 'a word',
});

async function found(client: Client, others: readonly { readonly user: Uuid }[]): Promise<Uuid> {
  const id = client.newId();
  await client.send('conversationStart', { ...inIt(id), ...wordsOf(client, id) });
  await client.shown(inIt(id).conversation);
  for (const { user } of others) {
    await client.send('memberAdd', { ...inIt(id), user: `user_${user}`, role: 'WRITER' });
  }
  return id;
}
