import { ASSISTANT } from '../../domain/decider.js';
import { type Part, contentOf, personKey } from '../../domain/content.js';
import { type Stream, type Uuid, parseStream } from '../../domain/ids.js';
import { seal } from '../../commands/keys/sealing.js';
import type { Command } from '../../commands/command.js';
import type { DomainCommand } from '../../domain/catalogue.js';
import { readManifest } from '../../gateway/documents/manifest.js';
import { pooledRandom } from '../run/random.js';
import { type Figure, median, scaled } from './figure.js';
import { type ReadSide, openReadSide } from './readside.js';
import { TEXT, commandOf, newId, startedConversation, withFolder } from './writeside.js';

const ROUNDS = 100;
const LARGE = 100_000;
const SMALL = 50;
const AT_ONCE = 1_000;

/** What it took to open a conversation: ms, and statements asked of the read models. */
type Opened = { readonly took: number; readonly statements: number };

/**
 * How long it takes to open a conversation of 100,000 messages, against one of 50, with the page's own query through the
 * pipeline: whose it is, its last 50 messages opened, their siblings. In interleaved rounds, and with the number of statements.
 */
export const thread = (scale: number): Promise<readonly Figure[]> =>
  withFolder(async (folder) => {
    const readSide = await openReadSide(folder);
    const messages = Math.max(SMALL, scaled(LARGE, scale));
    const [large, small] = [await converse(readSide, messages), await converse(readSide, SMALL)];
    const identity = await readSide.verify(await readSide.authorization(0));

    const query = readManifest().entries.findLast(({ document }) => document?.includes('query Thread('))?.document;
    if (!query) throw new Error('the page opens no thread');
    const open = async (conversation: Uuid): Promise<Opened> => {
      const [asked, begun] = [readSide.statements(), performance.now()];
      const variables = { id: `conversation_${conversation}` };
      const prepared = await readSide.pipeline({ query, variables }, identity);
      if ('errors' in prepared) throw new AggregateError(prepared.errors);
      const text = JSON.stringify(await prepared.run(prepared.args));
      if (text.split(TEXT).length !== SMALL + 1)
        throw new Error(`not the last ${SMALL} messages: ${text.slice(0, 500)}`);
      return { took: performance.now() - begun, statements: readSide.statements() - asked };
    };
    const [longs, shorts]: [Opened[], Opened[]] = [[], []];
    const rounds = scaled(ROUNDS, scale);
    for (let n = 0; n < rounds + 5; n++) {
      const [long, short] = [await open(large), await open(small)];
      // The first few are a warm-up.
      if (n < 5) continue;
      longs.push(long);
      shorts.push(short);
    }
    await readSide.close();
    const of = (opened: readonly Opened[], what: keyof Opened): number => median(opened.map((each) => each[what]));
    return [
      { metric: 'messages of the large conversation', value: messages, unit: '' },
      { metric: 'the large one: p50', value: of(longs, 'took'), unit: 'ms' },
      { metric: 'the small one: p50', value: of(shorts, 'took'), unit: 'ms' },
      { metric: 'the large one: statements', value: of(longs, 'statements'), unit: '' },
      {
        metric: 'statements, the large one against the small one',
        value: of(longs, 'statements') / of(shorts, 'statements'),
        unit: '×',
        goal: 1,
        better: 'lower',
      },
      {
        metric: 'time, the large one against the small one',
        value: of(longs, 'took') / of(shorts, 'took'),
        unit: '×',
        goal: 1.2,
        better: 'lower',
      },
    ];
  });

/** The first of the people and the assistant talk until there are so many messages, an even number, and all are shown. */
async function converse({ side, reached }: ReadSide, messages: number): Promise<Uuid> {
  const started = startedConversation(0);
  if (started.type !== 'StartConversation') throw new Error('a conversation begins with its start');
  const { actor, stream } = started;
  const key = await side.keys.ensure(personKey(actor));
  const random = pooledRandom();
  const box = (content: string, text: string) => seal(key, personKey(actor), content, text, random(12));
  const parts = (message: Uuid): readonly Part[] => [
    { type: 'text', text: box(contentOf.part(message, 0), TEXT), chars: TEXT.length },
  ];
  const { message, reply } = started.data;
  const title = box(contentOf.title(parseStream(stream).id), 'A title');
  const begin = { ...started.data, parts: parts(message), title, chars: 'A title'.length };
  const commands: Command[] = [
    commandOf(actor, stream, { type: 'StartConversation', data: begin }),
    ...answer(stream, reply, parts(reply)),
  ];
  let parent = reply;
  for (let n = 2; n < messages; n += 2) {
    const [post, head] = [newId(actor), newId(actor)];
    const data = { message: post, reply: head, parts: parts(post), parent, fork: false };
    commands.push(commandOf(actor, stream, { type: 'PostMessage', data }), ...answer(stream, head, parts(head)));
    parent = head;
  }
  for (let at = 0; at < commands.length; at += AT_ONCE) {
    const answers = await Promise.all(commands.slice(at, at + AT_ONCE).map((command) => side.hand(command)));
    const last = answers.at(-1);
    if (last && !(await reached(last.position, 60_000))) throw new Error('the view does not keep up');
  }
  return parseStream(stream).id;
}

/** The assistant claims a reply and ends it. */
function answer(stream: Stream, reply: Uuid, parts: readonly Part[]): readonly Command<DomainCommand>[] {
  const claimed = { reply, attempt: 1, executor: reply, endpoint: 'bench', model: 'bench' };
  const times = { latencyMs: 100, firstTokenMs: 10, tokens: 50 };
  const completed = { reply, attempt: 1, parts, ...times, finish: 'stop' } as const;
  return [
    commandOf(ASSISTANT, stream, { type: 'ClaimReply', data: claimed }),
    commandOf(ASSISTANT, stream, { type: 'CompleteReply', data: completed }),
  ];
}
