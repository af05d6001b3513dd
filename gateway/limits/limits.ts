import type { Rate } from '../../projections/sessions/sessions.js';

/** How much the gateway takes from whom. What is over is refused with a code, and says what to do. */
export type Limits = {
  /** What one document may be. */
  readonly document: {
    /** Its length, in UTF-16 units. */
    readonly length: number;
    readonly tokens: number;
    /** Fields inside fields. */
    readonly depth: number;
    readonly aliases: number;
    readonly directives: number;
    readonly rootFields: number;
    /** How many objects an operation may ask for, by the sizes of its pages (see cost.ts). */
    readonly cost: number;
  };
  /** How often one person may ask. */
  readonly person: {
    readonly operations: Rate;
    /** Of those, how many may begin a subscription. */
    readonly subscribes: Rate;
    readonly sockets: number;
    /** Queries and mutations that run at a time, over POST and sockets. */
    readonly atOnce: number;
    /** Running at a time, over all sockets. */
    readonly running: number;
  };
  readonly socket: {
    /** Operations that run at a time on one. */
    readonly running: number;
    /** The longest message that it takes, in bytes. */
    readonly frame: number;
    /** Messages of any kind: whoever sends more is closed. */
    readonly frames: Rate;
    /** How long it may be silent before it says who it is, in ms. */
    readonly init: number;
    /** How many of one address, and of all, may not have said yet who they are. */
    readonly unknownPerAddress: number;
    readonly unknown: number;
    /** A consumer with more than this unread from other deliveries is cut off; it comes back and resumes. In bytes. */
    readonly unread: number;
    /** A consumer that reads nothing for so long is cut off. In ms. */
    readonly stalled: number;
  };
  /** The longest body of a POST, in bytes. */
  readonly body: number;
};

export const defaultLimits: Limits = {
  document: {
    length: 20_000,
    tokens: 1_000,
    depth: 10,
    aliases: 15,
    directives: 20,
    rootFields: 10,
    cost: 10_000,
  },
  person: {
    operations: { burst: 200, perSecond: 50 },
    subscribes: { burst: 100, perSecond: 10 },
    sockets: 20,
    atOnce: 20,
    running: 200,
  },
  socket: {
    running: 50,
    frame: 64 * 1024,
    frames: { burst: 400, perSecond: 100 },
    init: 3_000,
    unknownPerAddress: 100,
    unknown: 2_000,
    unread: 8 * 1024 * 1024,
    stalled: 15_000,
  },
  body: 512 * 1024,
};
