import { personKey } from '../../../domain/content.js';
import { type Uuid, parseStream } from '../../../domain/ids.js';
import { type CommandClient, type Draft, type Sent, isUndecided } from '../../../commands/client/client.js';
import { LONGEST_DEADLINE } from '../../../commands/command.js';
import { nameOf } from '../../../commands/worker/memory.js';
import type { Process } from './process.js';
import type { Scene } from './scene.js';
import { INSISTENCE, want } from './wants.js';

/** What one wants, and what came of it. */
export type Wish = { readonly draft: Draft; readonly since: number; sent?: Sent };

/** A conversation as far as somebody knows it. `key` is the key for what is written there. */
export type Conversation = {
  readonly id: Uuid;
  readonly key: string;
  readonly messages: Uuid[];
  readonly replies: Uuid[];
};

/** A person, and what their devices know of each other. */
export type Person = { readonly id: Uuid; readonly conversations: Conversation[]; readonly wishes: Wish[] };

/** What a device remembers when it is switched off: what it is about, and how much there is still to do. */
export type Device = { readonly owner: Person; left: number; wish?: Wish };

/** A device in the hands of its person: they want something, and send it until they know what came of it. */
export async function live(
  device: Device,
  people: readonly Person[],
  process: Process,
  client: CommandClient,
  scene: Scene,
): Promise<void> {
  const { dice, tell } = scene;
  const { owner } = device;
  const others = people.filter((person) => person !== owner);

  const insist = async (wish: Wish): Promise<void> => {
    const { patience = 10_000 } = wish.draft;
    for (let backOff = 200; wish.sent === undefined; backOff = Math.min(backOff * 2, 10_000)) {
      // Nobody looks at a screen for days.
      const sent = await Promise.race([client.send(wish.draft), process.wait(30_000).then(() => pending)]);
      if (!isUndecided(sent)) wish.sent = sent;
      // What has hardly any time, or asks for more than there is, may never be decided.
      else if (patience < 1_000 || patience > LONGEST_DEADLINE || process.now() - wish.since > INSISTENCE) return;
      else await process.wait(backOff);
    }
  };

  while (device.left > 0) {
    if (device.wish === undefined) {
      await process.wait(dice.int(0, dice.pick([100, 2_000, 8_000])));
      device.wish = { draft: want(owner, others, process.now(), dice), since: process.now() };
      owner.wishes.push(device.wish);
      tell(process.name, `wants ${device.wish.draft.type} ${nameOf(device.wish.draft)}`);
    }
    await insist(device.wish);
    learn(device.wish, owner, others);
    delete device.wish;
    device.left--;
  }
}

/** What a person, and whom they told, know from now on. */
function learn({ draft, sent }: Wish, owner: Person, others: readonly Person[]): void {
  const { id } = parseStream(draft.stream);
  const known = owner.conversations.find((each) => each.id === id);
  if (sent?.status === 'rejected' && sent.head !== undefined) known?.messages.push(sent.head);
  if (sent?.status !== 'accepted') return;
  switch (draft.type) {
    case 'StartConversation': {
      const { message, reply } = draft.data;
      const key = draft.key ?? '';
      if (!known) owner.conversations.push({ id, key, messages: [message, reply], replies: [reply] });
      return;
    }
    case 'PostMessage':
      known?.messages.push(draft.data.message, draft.data.reply);
      known?.replies.push(draft.data.reply);
      return;
    case 'RequestReply':
      known?.messages.push(draft.data.reply);
      known?.replies.push(draft.data.reply);
      return;
    case 'AddMember': {
      const member = others.find((person) => person.id === draft.data.user);
      if (!known || !member || member.conversations.some((each) => each.id === id)) return;
      // They write under a key of their own, and see what all see.
      member.conversations.push({ ...known, key: personKey(member.id) });
      return;
    }
    default:
  }
}

const pending: Sent = { status: 'pending', command: '' };
