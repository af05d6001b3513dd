import { schemaOf } from '../../../domain/catalogue.js';
import { contentOf, personKey } from '../../../domain/content.js';
import type { ConversationEvent } from '../../../domain/conversation-events.js';
import { SYSTEM } from '../../../domain/decider.js';
import { type Envelope, hashOf } from '../../../domain/event.js';
import { type Uuid, bucketOf, homeOf, inBucket, randomUuid, streamOf, timedId } from '../../../domain/ids.js';
import { CHUNK } from '../../../domain/tree.js';
import { type Entry, CODE } from '../../../commands/log/log.js';
import type { Disk } from '../../../commands/log/memory.js';
import { T0 } from './clock.js';
import type { Dice } from './dice.js';
import type { Person } from './people.js';

/**
 * A conversation from before, so long that its tree has several chunks: written by an owner of an earlier term, in one
 * batch, as the answer to one command of the installation.
 */
export function writePast({ files }: Disk, person: Person, dice: Dice): void {
  const newId = (n: number): Uuid => timedId(T0 - 100_000 + n, dice.bytes(16), bucketOf(person.id));
  const id = newId(0);
  const key = personKey(person.id);
  const stream = streamOf('conversation', id);
  const at = new Date(T0 - 60_000).toISOString();
  const command = inBucket(randomUuid(dice.bytes(16)), bucketOf(person.id));
  const sealed = (content: string) => ({ key, content, box: Buffer.from(dice.bytes(40)).toString('base64') });

  const events: Envelope[] = [];
  const write = (event: ConversationEvent): void => {
    const last = events.at(-1);
    events.push({
      ...event,
      id: newId(events.length),
      schema: schemaOf(event.type),
      stream,
      version: events.length + 1,
      at,
      actor: SYSTEM,
      cause: command,
      correlation: command,
      previous: last ? hashOf(last) : '',
    });
  };
  const title = { title: sealed(contentOf.title(id)), chars: 5 };
  write({ type: 'ConversationStarted', data: { starter: person.id, ...title, expires: null, origin: null } });
  const messages: Uuid[] = [];
  for (let seq = 1; seq <= CHUNK + dice.int(1, CHUNK); seq++) {
    const message = newId(seq);
    const parts = [{ type: 'text' as const, text: sealed(contentOf.part(message, 0)), chars: 5 }];
    const parent = messages.at(-1) ?? null;
    write({ type: 'MessagePosted', data: { message, parent, seq, author: person.id, parts } });
    messages.push(message);
  }

  const owner = randomUuid(dice.bytes(16));
  const headed = (index: number, count: number) => ({ owner, term: 1, batch: 0, index, count, code: CODE });
  const outcome = { status: 'accepted' as const, stream, version: events.length, events: events.length };
  const outcomes = [{ actor: SYSTEM, command, hash: '', at, outcome }];
  files[homeOf(stream, files.length)]?.push(
    { kind: 'takeover', header: headed(0, 1), at },
    ...events.map((event, index): Entry => ({
      kind: 'event',
      header: headed(index, events.length),
      event,
      ...(index === events.length - 1 ? { outcomes } : {}),
    })),
  );
  person.conversations.push({ id, key, messages, replies: [] });
}
