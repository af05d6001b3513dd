import { charsOf, contentOf, personKey } from '../../../domain/content.js';
import { type Uuid, membershipStream, streamOf, timedId } from '../../../domain/ids.js';
import { LONGEST_DEADLINE } from '../../../commands/command.js';
import type { CommandClient, Draft, Sent } from '../../../commands/client/client.js';
import { nameOf } from '../../../commands/worker/memory.js';
import type { Process } from './process.js';
import type { Scene } from './scene.js';

/** What one wants, and what came of it. */
export type Wish = { readonly draft: Draft; readonly since: number; sent?: Sent };

type Known = { readonly id: Uuid; readonly messages: Uuid[]; readonly replies: Uuid[] };

/** A person, and what their devices know of each other. */
export type Person = { readonly id: Uuid; readonly conversations: Known[]; readonly wishes: Wish[] };

/** What a device remembers when it is switched off: what it is about, and how much there is still to do. */
export type Device = { readonly owner: Person; left: number; wish?: Wish };

/** For so long a wish is sent again under its id: what came of it is remembered for longer than that. */
const INSISTENCE = 6 * 86_400_000;

const bucket = (person: Uuid): number => parseInt(person.slice(-3), 16);

const text = (plain: string, content: string) => ({ text: { plain, content }, chars: charsOf(plain) });

/** A device in the hands of its person: they want something, and send it until they know what came of it. */
export async function live(device: Device, process: Process, client: CommandClient, scene: Scene): Promise<void> {
  const { dice, tell } = scene;
  const { owner } = device;
  const newId = (): Uuid => timedId(process.now(), dice.bytes(16), bucket(owner.id));

  const message = () => {
    const [id, reply] = [newId(), newId()];
    const { text: sealed, chars } = text(`say ${id}`, contentOf.part(id, 0));
    return { message: id, reply, parts: [{ type: 'text' as const, text: sealed, chars }] };
  };
  const title = (conversation: Uuid) => {
    const { text: sealed, chars } = text(`title ${dice.int(0, 3)}`, contentOf.title(conversation));
    return { title: sealed, chars };
  };

  const start = (): Draft => {
    const id = newId();
    const data = { ...message(), ...title(id), temporary: false };
    return { ...common(), stream: streamOf('conversation', id), type: 'StartConversation', data };
  };

  /** How long it may wait to be decided: a while, too short, almost as long as allowed, or longer. */
  const patience = (): { patience?: number } => {
    if (!dice.chance(0.15)) return {};
    return { patience: dice.pick([1, 20, LONGEST_DEADLINE - 3_600_000, LONGEST_DEADLINE + 60_000]) };
  };
  const common = () => ({ id: newId(), actor: owner.id, key: personKey(owner.id), ...patience() });

  const post = (known: Known): Draft => {
    // The newest message that is known, or an older one: an edit, or one who does not know what has come since.
    const parent = (dice.chance(0.7) ? known.messages.at(-1) : dice.among(known.messages)) ?? null;
    const data = { ...message(), parent, fork: dice.chance(0.4) };
    return { ...common(), stream: streamOf('conversation', known.id), type: 'PostMessage', data };
  };

  /** Something new, or something old once more. */
  const want = (): Draft => {
    const { id } = owner;
    const known = dice.among(owner.conversations);
    const old = dice.among(owner.wishes);
    const kind = dice.int(0, 99);
    if (kind < 8 && old && process.now() - old.since < INSISTENCE) {
      // As from another tab, or after a crash; or the same id for something else.
      if (dice.chance(0.6)) return old.draft;
      return { ...markRead(old.draft.stream.slice(-36), dice.int(20, 30)), id: old.draft.id };
    }
    if (kind < 12) {
      const { text: name, chars } = text(`name ${dice.int(0, 3)}`, contentOf.name(id));
      return { ...common(), stream: streamOf('user', id), type: 'RegisterUser', data: { name, chars } };
    }
    if (!known || kind < 28) return start();
    const stream = streamOf('conversation', known.id);
    const reply = dice.among(known.replies);
    if (kind < 68) return post(known);
    if (kind < 76) return { ...common(), stream, type: 'RenameConversation', data: title(known.id) };
    if (kind < 86 && reply !== undefined) return { ...common(), stream, type: 'StopReply', data: { reply } };
    if (kind < 88) return { ...common(), stream, type: 'DeleteConversation', data: {} };
    return markRead(known.id, dice.int(1, 12));
  };
  const markRead = (conversation: Uuid, seq: number): Draft => ({
    ...common(),
    stream: membershipStream(conversation, owner.id),
    type: 'MarkRead',
    data: { conversation, seq },
  });

  const learn = ({ draft, sent }: Wish): void => {
    if (sent?.status === 'rejected' && sent.head !== undefined && draft.type === 'PostMessage') {
      owner.conversations.find(({ id }) => draft.stream.endsWith(id))?.messages.push(sent.head);
    }
    if (sent?.status !== 'accepted' || (draft.type !== 'StartConversation' && draft.type !== 'PostMessage')) return;
    const { message: id, reply } = draft.data;
    const known = owner.conversations.find((each) => draft.stream.endsWith(each.id));
    if (known) known.messages.push(id, reply);
    else owner.conversations.push({ id: draft.stream.slice(-36), messages: [id, reply], replies: [] });
    owner.conversations.find((each) => draft.stream.endsWith(each.id))?.replies.push(reply);
  };

  const insist = async (wish: Wish): Promise<void> => {
    for (let backOff = 200; wish.sent === undefined; backOff = Math.min(backOff * 2, 10_000)) {
      // Nobody looks at a screen for days.
      const sent = await Promise.race([client.send(wish.draft), process.wait(30_000).then(() => pending)]);
      if (!isUndecided(sent)) wish.sent = sent;
      else if ((wish.draft.patience ?? Infinity) < 1_000 || process.now() - wish.since > INSISTENCE) return;
      // A deadline too far ahead stays so.
      else if ((wish.draft.patience ?? 0) > LONGEST_DEADLINE) return;
      else await process.wait(backOff);
    }
  };

  while (device.left > 0) {
    if (device.wish === undefined) {
      await process.wait(dice.int(0, dice.pick([100, 2_000, 8_000])));
      device.wish = { draft: want(), since: process.now() };
      owner.wishes.push(device.wish);
      tell(process.name, `wants ${device.wish.draft.type} ${nameOf(device.wish.draft)}`);
    }
    await insist(device.wish);
    learn(device.wish);
    delete device.wish;
    device.left--;
  }
}

const pending: Sent = { status: 'pending', command: '' };

const isUndecided = (sent: Sent): boolean =>
  sent.status === 'pending' || (sent.status === 'rejected' && (sent.code === 'UNAVAILABLE' || sent.code === 'EXPIRED'));
