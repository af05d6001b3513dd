import type { Lag } from '../../../projections/lag.js';
import { type Command, dataOption, say } from '../command.js';
import { gone } from '../server.js';
import { asked, serverOf, tableOf } from '../views.js';

export const lagCommand: Command = {
  name: 'lag',
  operands: [],
  options: { json: { meaning: 'as JSON, for machines' }, data: dataOption },
  summary: 'Shows how far the views of the running server are behind the log.',
  more: [
    'A line for each view, generation and home: the offset up to which it has taken the log, the end of that, how many',
    'records lie between them, and how many streams are parked (see `verbatim dead-letters`).',
  ],
  examples: [
    ['lag', 'of the server that has ./data'],
    ['lag --json | jq "map(.behind) | add"', 'the records not yet taken, all in all'],
  ],
  run: async (words) => {
    const lags = await asked(await serverOf(words), 'GET', '/lag');
    if (!areLags(lags)) throw gone(lags);
    if (words.switches.has('json')) return say(JSON.stringify(lags));
    const rows = lags.map((each) => [
      each.view,
      each.generation,
      each.home,
      each.offset,
      each.end,
      each.behind,
      each.parked,
    ]);
    for (const line of tableOf(['view', 'generation', 'home', 'offset', 'end', 'behind', 'parked'], rows)) say(line);
  },
};

const areLags = (value: unknown): value is readonly Lag[] =>
  Array.isArray(value) && value.every((each: unknown) => typeof each === 'object' && each !== null && 'behind' in each);
