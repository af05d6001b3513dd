import { setTimeout as sleep } from 'node:timers/promises';
import type { Rebuilding } from '../../../projections/rebuilding.js';
import { CliError, UsageError } from '../../run/errors.js';
import { type Command, dataOption, say } from '../command.js';
import { type Server, gone } from '../server.js';
import { asked, reasonIn, reasonOption, serverOf } from '../views.js';

const LOOK_MS = 500;

const wanted = ['status', 'cancel', 'back', 'force'] as const;

export const rebuildCommand: Command = {
  name: 'rebuild',
  operands: ['VIEW'],
  options: {
    status: { meaning: 'only say how far it is' },
    cancel: { meaning: 'end it, and drop what it has filled; after a switch, drop the old rows' },
    back: { meaning: 'let readers see the rows of before the switch again' },
    force: { meaning: 'switch although the two were found to be different' },
    json: { meaning: 'as JSON, one line each time it is told' },
    reason: reasonOption,
    data: dataOption,
  },
  summary: 'Fills a view anew from the log, beside the one that readers see, and then lets them see it.',
  more: [
    'Nobody waits for it. Before the switch all rows of both are compared; where they differ, nothing is switched. The old rows',
    'are kept and kept up to date for a day, so that there is a way back. Ctrl+C ends only the telling; a server that is',
    'killed goes on with it at its next start. The views: core (what the chat shows), obligations (what is owed).',
  ],
  examples: [
    ['rebuild core', 'fill it, compare, switch, and tell how it goes'],
    ['rebuild core --status', 'how far it is'],
    ['rebuild core --back', 'take the switch back'],
    ['rebuild core --cancel', 'end it, or drop the old rows'],
  ],
  run: async (words) => {
    const [view = ''] = words.operands;
    const [what, more] = wanted.filter((each) => words.switches.has(each));
    if (more) throw new UsageError(`--${what} and --${more} are two things: say one.`);
    const server = await serverOf(words);
    const tell = (rebuilding: Rebuilding | null): void =>
      say(words.switches.has('json') ? JSON.stringify(rebuilding) : lineOf(view, rebuilding));
    const act = (path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> =>
      asked(server, 'POST', path, { view, reason: reasonIn(words), ...query });
    switch (what) {
      case undefined:
        await act('/rebuild');
        return follow(server, view, tell);
      case 'status':
        return tell(await look(server, view));
      case 'cancel':
        await act('/rebuild/cancel');
        return tell(await look(server, view));
      case 'back':
      case 'force':
        await act('/rebuild/switch', { phase: what === 'back' ? 'kept' : 'different' });
        return tell(await look(server, view));
    }
  },
};

/** Tells how it goes until it is over. Throws REBUILD_DIFFERENT, REBUILD_FAILED, REBUILD_CANCELLED. */
async function follow(server: Server, view: string, tell: (rebuilding: Rebuilding | null) => void): Promise<void> {
  let told = '';
  for (;;) {
    const rebuilding = await look(server, view);
    if (!rebuilding) throw new CliError('REBUILD_CANCELLED', `The rebuild of ${view} was cancelled.`);
    if (lineOf(view, rebuilding) !== told) tell(rebuilding);
    told = lineOf(view, rebuilding);
    if (rebuilding.phase === 'kept') return;
    if (rebuilding.phase === 'different' || rebuilding.phase === 'failed') {
      throw new CliError(`REBUILD_${rebuilding.phase.toUpperCase()}`, lineOf(view, rebuilding));
    }
    await sleep(LOOK_MS);
  }
}

async function look(server: Server, view: string): Promise<Rebuilding | null> {
  const answer = await asked(server, 'GET', '/rebuild', { view });
  if (answer === null || isRebuilding(answer)) return answer;
  throw gone(answer);
}

const isRebuilding = (value: unknown): value is Rebuilding =>
  typeof value === 'object' && value !== null && 'phase' in value && 'live' in value;

const number = (value: number): string => Math.round(value).toLocaleString('en');

function lineOf(view: string, rebuilding: Rebuilding | null): string {
  if (!rebuilding) return `${view}: nothing is being rebuilt, and nothing kept.`;
  const { phase, generation, live, done, of, rate, left, note } = rebuilding;
  const way = `${number(done)} of ${number(of)} records`;
  switch (phase) {
    case 'filling': {
      const pace = rate === undefined ? '' : `, ${number(rate)}/s`;
      return `${view}: filling generation ${generation}: ${way}${pace}${left === undefined ? '' : `, about ${number(left)} s left`}`;
    }
    case 'verifying':
      return `${view}: comparing generation ${generation} with generation ${live}, which readers see`;
    case 'kept':
      return `${view}: readers see generation ${live}. Generation ${generation} is kept for a day: --back switches back, --cancel drops it.`;
    case 'different':
      return `${view}: generation ${generation} is not the same as generation ${live}, which readers still see (${note}). --force switches, --cancel drops it.`;
    case 'failed':
      return `${view}: generation ${generation} has stopped (${note}). Readers see generation ${live}. --cancel drops it.`;
  }
}
