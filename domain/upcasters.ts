import type { Sealed } from './content.js';
import type { ConversationEvent } from './conversation-events.js';
import type { Typed } from './decider.js';
import type { Envelope } from './event.js';
import type { Uuid } from './ids.js';

// Events are kept for ever, and so is what reads them: when a type gets a new version, the shape of the old one moves
// here, with the pure step that makes the next version of it. The event in the log stays as it is, and so does its hash.

/** Shapes of events as they were once written. */
export type ConversationStartedV1 = {
  type: 'ConversationStarted';
  data: { starter: Uuid; title: Sealed; chars: number; temporary: boolean };
};

/** The data of what is no longer written, by type and version. */
export type Former = { 'ConversationStarted 1': ConversationStartedV1['data'] };

/** One step: an event of a type, as stored under the version `from`, read as version `to`. */
export type Upcaster = {
  readonly type: string;
  readonly from: number;
  readonly to: number;
  readonly up: (stored: Envelope) => Envelope;
};

/** The steps of each type, the oldest first: the n-th reads version n. */
export type Chains = ReadonlyMap<string, readonly Upcaster[]>;

function upcaster<Old extends Typed, New extends Typed>(
  type: Old['type'] & New['type'],
  from: number,
  to: number,
  up: (stored: Envelope<Old>) => New['data'],
): Upcaster {
  // What is stored under a type and a version has its shape: the golden file and the schema hold that.
  const isOld = (stored: Envelope): stored is Envelope<Old> => stored.type === type && stored.schema === from;
  return {
    type,
    from,
    to,
    up: (stored) => {
      if (!isOld(stored)) throw new Error(`${stored.type} version ${stored.schema} is not what this step reads`);
      return { ...stored, schema: to, data: up(stored) };
    },
  };
}

/** How long a temporary conversation lived when its events did not say it. */
const LIFE = 30 * 24 * 3600_000;

type ConversationStarted = Extract<ConversationEvent, { type: 'ConversationStarted' }>;

export const upcasters: readonly Upcaster[] = [
  upcaster<ConversationStartedV1, ConversationStarted>('ConversationStarted', 1, 2, ({ at, data }) => {
    const { temporary, ...same } = data;
    return { ...same, expires: temporary ? new Date(Date.parse(at) + LIFE).toISOString() : null, origin: null };
  }),
];

/** Puts steps in order. Throws where one is missing, is there twice, leads nowhere new or belongs to no type. */
export function chainsOf(steps: readonly Upcaster[], types: ReadonlySet<string>): Chains {
  const chains = new Map<string, readonly Upcaster[]>();
  for (const type of new Set(steps.map((step) => step.type))) {
    if (!types.has(type)) throw new Error(`an upcaster reads ${type}, which is no event`);
    const chain = steps.filter((step) => step.type === type).toSorted((a, b) => a.from - b.from || a.to - b.to);
    for (const [at, { from, to }] of chain.entries()) {
      const name = `the upcaster of ${type} from version ${from} to ${to}`;
      if (to <= from) throw new Error(`${name} goes in a circle`);
      if (from === chain[at - 1]?.from) throw new Error(`${name} is there twice`);
      if (from !== at + 1 || to !== from + 1) throw new Error(`${name} leaves a gap`);
    }
    chains.set(type, chain);
  }
  return chains;
}

/** The version under which events of a type are written today. */
export const newestOf = (chains: Chains, type: string): number => 1 + (chains.get(type)?.length ?? 0);

/** A stored event as its newest version would have it. */
export const upcast = (chains: Chains, stored: Envelope): Envelope =>
  (chains.get(stored.type)?.slice(stored.schema - 1) ?? []).reduce((event, { up }) => up(event), stored);
