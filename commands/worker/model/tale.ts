import type { Explored } from './explore.js';
import { type Commands, VOID, each } from './log.js';
import { type Action, type Flight, type World, nameOf } from './world.js';

const list = (commands: Commands): string => `command ${each(commands).join(' and ')}`;

/** What an owner did between two worlds, and what became of it. */
function doings(which: number, before: World, after: World): string {
  const [was, is] = [before.owners[which], after.owners[which]];
  if (!was || !is) return '';
  const sent = is.sends > was.sends ? after.flights.find((flight) => isOf(flight, which, is.sends)) : undefined;
  return [
    is.acknowledged === was.acknowledged ? '' : `acknowledges ${list(is.acknowledged & ~was.acknowledged)}`,
    is.refused === was.refused ? '' : `refuses ${list(is.refused & ~was.refused)}`,
    sent ? `sends ${contents(sent)}` : '',
  ]
    .filter((part) => part !== '')
    .map((part) => `, ${part}`)
    .join('');
}

const isOf = (flight: Flight, owner: number, request: number): boolean =>
  flight.owner === owner && flight.request === request;

function contents({ owner, request, items }: Flight): string {
  const name = nameOf(owner, request);
  const last = items.at(-1);
  if (!last) return name;
  const { header, kind, outcomes } = last;
  if (last === VOID) return `${name} what can only be void`.trim();
  if (kind === 'takeover') return `${name}: takeover of term ${header.term}`;
  return `${name}: batch ${header.batch} of ${header.owner} in term ${header.term}, ${list(outcomes)}`;
}

function told(action: Action, before: World, after: World): string {
  if (action.do === 'expire') return 'The deadline passes';
  if ('flight' in action) {
    const flight = before.flights[action.flight];
    const place = `at ${before.log.truth.cursor.offset}${after.log.valid ? '' : ', void'}`;
    const copy = action.do === 'land twice' ? '; a copy of it is still on its way' : '';
    return flight ? `(${contents(flight)}) lands ${place}${copy}` : '';
  }
  const { owner } = action;
  const { request, base } = before.owners[owner]?.waiting ?? {};
  const did = doings(owner, before, after);
  switch (action.do) {
    case 'take':
      return `${nameOf(owner)} is asked for ${list(action.commands)}${did}`;
    case 'hear':
      return `${nameOf(owner)} hears that ${nameOf(owner, request)} lies at ${base}${did}`;
    case 'fail':
      return `${nameOf(owner)} hears of an error with ${nameOf(owner, request)}${did}`;
    case 'crash':
      return `${nameOf(owner)} begins anew, with what it knew at ${action.stored}`;
  }
}

/** What led to what is wrong, step by step. */
export function tale(start: World, { wrong, path }: NonNullable<Explored<World, Action>['found']>): string {
  let before = start;
  const lines = path.map(({ action, state }, at) => {
    const line = `${at + 1}. ${told(action, before, state)}.`;
    before = state;
    return line;
  });
  return [...lines, `Then ${wrong}.`].join('\n');
}
