import type { Parked } from '../../../projections/parked.js';
import { UsageError } from '../../run/errors.js';
import { type Command, dataOption, say } from '../command.js';
import { gone } from '../server.js';
import { asked, reasonIn, reasonOption, serverOf } from '../views.js';

export const deadLettersCommand: Command = {
  name: 'dead-letters',
  operands: ['[VIEW]', '[STREAM]'],
  options: {
    retry: { meaning: 'try the stream STREAM of the view VIEW again, with all that waits behind it' },
    json: { meaning: 'as JSON, for machines' },
    reason: reasonOption,
    data: dataOption,
  },
  summary: 'Lists the events that a view refuses, each of which holds up its stream there; or tries one again.',
  more: [
    'Other streams flow on. Nothing is lost: the log holds the event, and what came behind it waits. Once the code is mended',
    'and started, a retry takes all of it, or none. Commands that could not be decided are listed by `replay --dead-letters`.',
  ],
  examples: [
    ['dead-letters', 'what is parked, and why'],
    ['dead-letters core', 'the same of one view'],
    ['dead-letters --retry core conversation-<uuid>', 'try one again'],
  ],
  run: async (words) => {
    const [view, stream] = words.operands;
    const isRetry = words.switches.has('retry');
    if (isRetry !== (stream !== undefined)) {
      throw new UsageError('A retry needs both: `npx verbatim dead-letters --retry VIEW STREAM`.');
    }
    const server = await serverOf(words);
    if (view !== undefined && stream !== undefined) {
      await asked(server, 'POST', '/dead-letters/retry', { view, stream, reason: reasonIn(words) });
      return say(`${view} has taken ${stream}, and all that waited behind it.`);
    }
    const all = await asked(server, 'GET', '/dead-letters');
    if (!areParked(all)) throw gone(all);
    const parked = all.filter((each) => view === undefined || each.view === view);
    if (words.switches.has('json')) return say(JSON.stringify(parked));
    if (parked.length === 0) return say('Nothing is parked.');
    for (const each of parked) {
      say(`${each.view}  ${each.stream}  ${each.type} of ${each.at}, home ${each.home}, offset ${each.offset}`);
      say(`    ${each.error.name}: ${each.error.message}`);
      say(`    ${each.waiting} events wait behind it`);
    }
  },
};

const areParked = (value: unknown): value is readonly Parked[] =>
  Array.isArray(value) &&
  value.every((each: unknown) => typeof each === 'object' && each !== null && 'waiting' in each);
