import type { Lag as ViewLag } from '../../projections/lag.js';
import type { Parked } from '../../projections/parked.js';
import type { Context } from '../context.js';
import { builder } from './builder.js';
import { clientError } from './ids.js';

/** What those who run the installation may read and do here. Throws FORBIDDEN for everybody else. */
export function requireOps({ identity }: Context): void {
  if (!identity.roles.includes('ops')) {
    throw clientError('FORBIDDEN', 'Only those who run this installation may do that: it takes the role ops.');
  }
}

const Lag = builder.objectRef<ViewLag>('Lag').implement({
  description: 'How far a view is behind the log, in one home.',
  fields: (t) => ({
    view: t.exposeString('view', { description: 'The name of the view.' }),
    generation: t.exposeInt('generation', { description: 'Which of its generations: a rebuild fills a new one.' }),
    home: t.exposeInt('home', { description: 'The partition of the log.' }),
    offset: t.field({
      type: 'Offset',
      description: 'The next record that it will read.',
      resolve: ({ offset }) => offset,
    }),
    end: t.field({ type: 'Offset', description: 'Where the log ends.', resolve: ({ end }) => end }),
    behind: t.field({
      type: 'Offset',
      description: 'How many records it has yet to read.',
      resolve: ({ behind }) => behind,
    }),
    parked: t.exposeInt('parked', { description: 'How many of its streams wait behind an event that failed.' }),
  }),
});

const DeadLetterError = builder.objectRef<Parked['error']>('DeadLetterError').implement({
  description: 'Why a view could not take an event.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The kind of error.' }),
    message: t.exposeString('message', { description: 'What it said.' }),
  }),
});

const DeadLetter = builder.objectRef<Parked>('DeadLetter').implement({
  description:
    'A stream that a view has parked because it could not take one of its events. The other streams go on; this one waits ' +
    'for a retry.',
  fields: (t) => ({
    view: t.exposeString('view', { description: 'The name of the view.' }),
    home: t.exposeInt('home', { description: 'The partition of the log.' }),
    stream: t.exposeString('stream', { description: 'The stream that waits.' }),
    offset: t.field({
      type: 'Offset',
      description: 'Where the event is in the partition.',
      resolve: ({ offset }) => offset,
    }),
    event: t.field({ type: 'UUID', description: 'The id of the event.', resolve: ({ event }) => event }),
    type: t.exposeString('type', { description: 'The type of the event.' }),
    at: t.field({ type: 'DateTime', description: 'When the event was stamped.', resolve: ({ at }) => at }),
    waiting: t.exposeInt('waiting', {
      description: 'How many events of the stream have come since, and wait behind it.',
    }),
    error: t.field({ type: DeadLetterError, description: 'Why it failed.', resolve: ({ error }) => error }),
  }),
});

builder.queryFields((t) => ({
  lag: t.field({
    type: [Lag],
    description: 'How far each view is behind the log, home by home. For the role ops; others get FORBIDDEN.',
    resolve: async (_, __, context) => {
      requireOps(context);
      return [...(await context.operations.lag())];
    },
  }),
  deadLetters: t.field({
    type: [DeadLetter],
    description: 'The streams that views have parked. For the role ops; others get FORBIDDEN.',
    resolve: async (_, __, context) => {
      requireOps(context);
      return [...(await context.operations.parked())];
    },
  }),
}));
