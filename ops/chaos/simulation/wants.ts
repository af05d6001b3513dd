import { charsOf, contentOf, conversationKey, personKey } from '../../../domain/content.js';
import { type Uuid, bucketOf, membershipStream, parseStream, streamOf, timedId } from '../../../domain/ids.js';
import type { Draft } from '../../../commands/client/client.js';
import { LONGEST_DEADLINE } from '../../../commands/command.js';
import type { Dice } from './dice.js';
import type { Conversation, Person } from './people.js';

const MINUTE = 60_000;

/** For so long something is sent again under its id: what came of it is remembered for longer than that. */
export const INSISTENCE = 6 * 24 * 60 * MINUTE;

const text = (plain: string, content: string) => ({ text: { plain, content }, chars: charsOf(plain) });

/** What a person wants next: something new, or something old once more, or an old name for something else. */
export function want(person: Person, others: readonly Person[], now: number, dice: Dice): Draft {
  const { id: actor } = person;
  const newId = (bucket = bucketOf(actor)): Uuid => timedId(now, dice.bytes(16), bucket);

  /** How long it may wait to be decided: a while, hardly, almost as long as allowed, or longer. */
  const patience = (): { patience?: number } =>
    dice.chance(0.15)
      ? { patience: dice.pick([1, 20, LONGEST_DEADLINE - 60 * MINUTE, LONGEST_DEADLINE + MINUTE]) }
      : {};
  const common = (key = personKey(actor), at = actor) => ({ id: newId(bucketOf(at)), actor, key, ...patience() });
  const title = (conversation: Uuid) => {
    const { text: sealed, chars } = text(`title ${dice.int(0, 3)}`, contentOf.title(conversation));
    return { title: sealed, chars };
  };
  const message = (conversation: Uuid) => {
    const [id, reply] = [newId(bucketOf(conversation)), newId(bucketOf(conversation))];
    const { text: sealed, chars } = text(`message ${id}`, contentOf.part(id, 0));
    return { message: id, reply, parts: [{ type: 'text' as const, text: sealed, chars }] };
  };

  const start = (): Draft => {
    const id = newId();
    const expires = dice.chance(0.1) ? new Date(now + dice.int(5_000, 2 * MINUTE)).toISOString() : null;
    return {
      ...common(expires === null ? personKey(actor) : conversationKey(id)),
      stream: streamOf('conversation', id),
      type: 'StartConversation',
      data: { ...message(id), ...title(id), expires },
    };
  };
  const markRead = (conversation: Uuid, seq: number): Draft => ({
    ...common(),
    stream: membershipStream(conversation, actor),
    type: 'MarkRead',
    data: { conversation, seq },
  });
  const about = ({ id, messages, replies, key }: Conversation): Draft => {
    const stream = streamOf('conversation', id);
    // The newest message that is known, or an older one: an edit, or one who does not know what has come since.
    const parent = (dice.chance(0.7) ? messages.at(-1) : dice.among(messages)) ?? null;
    const reply = dice.among(replies);
    const user = dice.among(others)?.id ?? actor;
    const base = { ...common(key, id), stream };
    switch (dice.int(0, 19)) {
      case 0:
      case 1:
        return { ...base, type: 'RenameConversation', data: title(id) };
      case 2:
      case 3:
        return { ...base, type: 'AddMember', data: { user, role: dice.pick(['owner', 'writer', 'reader']) } };
      case 4:
        return { ...base, type: 'RemoveMember', data: { user: dice.chance(0.5) ? user : actor } };
      case 5:
        return { ...base, type: 'DeleteConversation', data: {} };
      case 6:
        return { ...base, type: 'RestoreConversation', data: {} };
      case 7:
        if (parent === null) break;
        return { ...base, type: 'RequestReply', data: { reply: newId(bucketOf(id)), parent } };
      case 8:
      case 9:
      case 10:
        if (reply === undefined) break;
        return { ...base, type: 'StopReply', data: { reply } };
      case 11:
      case 12:
        return markRead(id, dice.int(1, 12));
      default:
    }
    return { ...base, type: 'PostMessage', data: { ...message(id), parent, fork: dice.chance(0.4) } };
  };

  const old = dice.among(person.wishes);
  if (old && dice.chance(0.1) && now - old.since < INSISTENCE) {
    // As from another tab, or after a crash; or the same id for something else at the same home.
    if (dice.chance(0.6)) return old.draft;
    const { stream } = old.draft;
    const { kind, id } = parseStream(stream);
    const other: Draft =
      kind === 'conversation'
        ? { ...common(), stream, type: 'RenameConversation', data: title(id) }
        : markRead(id, dice.int(20, 30));
    return { ...other, id: old.draft.id };
  }
  if (dice.chance(0.04)) {
    const { text: name, chars } = text(`name ${dice.int(0, 3)}`, contentOf.name(actor));
    return { ...common(), stream: streamOf('user', actor), type: 'RegisterUser', data: { name, chars } };
  }
  if (dice.chance(0.004))
    return { ...common(), stream: streamOf('user', actor), type: 'EraseUser', data: { by: actor } };
  const known = dice.among(person.conversations);
  return known && dice.chance(0.8) ? about(known) : start();
}
