import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../../../commands/log/log.js';
import { planReplay, replay } from '../../operators/replay.js';
import { type Given, type Selection, readSelection, selectionNames } from '../../operators/selection.js';
import { CliError } from '../../run/errors.js';
import type { Folder } from '../../run/folder.js';
import { openLogIn } from '../../run/log.js';
import { type Command, dataOf, dataOption } from '../command.js';
import { ask, gone, reach } from '../server.js';

export const replayCommand: Command = {
  name: 'replay',
  operands: [],
  options: {
    from: {
      value: 'position',
      meaning: 'only what comes after this position: the `token` of a line, or of a command’s answer',
    },
    stream: { value: 'name', meaning: 'only this stream, as conversation-<id>' },
    type: { value: 'type,…', meaning: 'only events of these types' },
    since: { value: 'time', meaning: 'only events at or after it, as 2026-01-31T18:30:00Z' },
    until: { value: 'time', meaning: 'only events before it' },
    partition: { value: 'number', meaning: 'only this partition of the log' },
    limit: { value: 'number', meaning: 'at most so many events' },
    follow: { meaning: 'go on with what comes, until Ctrl+C' },
    'dead-letters': { meaning: 'not events, but the commands that could not be decided, each with its error' },
    data: dataOption,
  },
  summary: 'Prints the events of the log, one line of JSON each, oldest first.',
  more: [
    'Each is the event as it is stored, sealed where it is sealed, with its `position` and a `token` to go on from behind it.',
    'It asks the server that has the data folder, or reads the files where none runs. Within a partition the order is',
    'exact; without --follow it ends where the log ended when it began.',
  ],
  examples: [
    ['replay', 'everything that ever happened'],
    ['replay --type MessagePosted,ReplyCompleted --since 2026-01-31', 'messages and replies since a day'],
    ['replay --follow | jq -c "{type, stream, at}"', 'what happens, while it happens'],
    ['replay --dead-letters', 'what went wrong, as it came'],
    ['replay --from <token> --limit 100', 'the next hundred after a line that you have'],
  ],
  run: async (words) => {
    const given: Given = {};
    for (const name of selectionNames) {
      const value = words.switches.has(name) ? 'on' : words.values[name];
      if (value !== undefined) given[name] = value;
    }
    const selection = readSelection(given);
    const stop = new AbortController();
    const interrupted = once(process, 'SIGINT', { signal: stop.signal }).then(() => stop.abort());
    interrupted.catch(() => undefined);
    try {
      const place = await reach(dataOf(words));
      if ('file' in place) await printFiles(place, selection, stop.signal);
      else await print(await ask(place, 'GET', '/log', normal(given, selection)), stop.signal, gone);
    } finally {
      stop.abort();
    }
  },
};

/** Times go to the server as they are meant here: it may stand in another zone. */
const normal = (given: Given, { since, until }: Selection): Given => ({
  ...given,
  ...(since === undefined ? {} : { since }),
  ...(until === undefined ? {} : { until }),
});

async function printFiles(folder: Folder, selection: Selection, signal: AbortSignal): Promise<void> {
  if (selection.follow) {
    folder.close();
    const message = `No server runs on ${folder.path}, so nothing comes that could be followed. Start one, or leave out --follow.`;
    throw new CliError('NOT_RUNNING', message);
  }
  let log: Log | undefined;
  try {
    log = openLogIn(folder.path);
    const plan = await planReplay(log, selection);
    await print(Readable.from(replay(plan, signal)), signal, (error) => error);
  } finally {
    await log?.close();
    folder.close();
  }
}

/** Writes on at the pace of whoever reads. A reader who has read enough, as `head`, or Ctrl+C, is an end like any other. */
async function print(lines: Readable, signal: AbortSignal, told: (error: unknown) => unknown): Promise<void> {
  try {
    await pipeline(lines, process.stdout, { signal, end: false });
  } catch (error) {
    const left = error instanceof Error && 'code' in error && error.code === 'EPIPE';
    if (!left && !signal.aborted) throw told(error);
  }
}
