import type { RejectionCode, Typed } from '../domain/decider.js';
import type { Stream, Uuid } from '../domain/ids.js';

/** A place in the log: everything below `offset` of a partition. */
export type Position = { readonly partition: number; readonly offset: number };

/**
 * A command on its way to the owner of its stream's partition. Its content is sealed already. It is named by
 * (actor, id), and its id has the bucket of its stream, so that one owner knows all that came under a name; `hash` tells
 * whether the same name comes again with the same payload. After `deadline` (ISO 8601, at
 * most 7 days ahead) it is answered EXPIRED. `expected` is the version the stream must have, where that matters.
 */
export type Command<C extends Typed = Typed> = C & {
  readonly id: Uuid;
  readonly actor: string;
  readonly stream: Stream;
  readonly hash: string;
  readonly deadline: string;
  readonly correlation: Uuid;
  readonly trace?: string;
  readonly expected?: number;
};

/** What came of a command. `version` is the stream's after it; `events` says how many versions are its own. */
export type Outcome =
  | { readonly status: 'accepted'; readonly stream: Stream; readonly version: number; readonly events: number }
  | { readonly status: 'rejected'; readonly code: RejectionCode; readonly message: string; readonly head?: string };

/**
 * An outcome as the log keeps it, so that a command that comes again is answered and not done again. That of a command
 * that could not be decided has its `letter`, which stays in the log alone: nobody who decides needs it.
 */
export type RecordedOutcome = {
  readonly actor: string;
  readonly command: Uuid;
  readonly hash: string;
  readonly at: string;
  readonly outcome: Outcome;
  readonly letter?: Letter;
};

/**
 * A command that could not be decided, as it came, its content sealed; and the error. Of a command that could not even be
 * read `data` is the whole of it. Data too large to be written is `null`, and `left` says how many bytes that were.
 */
export type Letter = {
  readonly type: string;
  readonly stream: string;
  readonly data: unknown;
  readonly left?: number;
  readonly error: { readonly name: string; readonly message: string };
};

/** A letter, and whose command it was. */
export type DeadLetter = Omit<RecordedOutcome, 'letter'> & { readonly letter: Letter };

/** The dead letters in a record of the log. */
export const deadLettersIn = (entry: {
  readonly kind: string;
  readonly outcomes?: readonly RecordedOutcome[];
}): readonly DeadLetter[] =>
  (entry.outcomes ?? []).flatMap(({ letter, ...rest }) => (letter ? [{ ...rest, letter }] : []));

/** The answer to the sender: the outcome, and the position from which every view shows it. */
export type Answer = Outcome & { readonly position: Position };

/** The longest time ahead that a deadline may lie, in ms. Outcomes are remembered for longer than this. */
export const LONGEST_DEADLINE = 7 * 24 * 3600_000;

/** The way of commands to the owners of the partitions and of answers back. In the fleet it is a topic. */
export type CommandChannel = {
  /**
   * Hands a command to its partition's owner. Resolves with its answer; rejects with `Refused` if it was not taken.
   * Without either it may yet be done: the answer was lost, or waits. `bytes` is how large it is, if the sender knows.
   */
  submit(partition: number, command: Command, bytes?: number): Promise<Answer>;
};

/**
 * The owners' end of the channel. It says which partitions are this process's: all of them where there is one process, in
 * the fleet those that the group gives it. And it hands over what comes for each, one batch after the other.
 */
export type CommandSource = { serve(taker: Taker): Serving };

/** The worker, as its source sees it. */
export type Taker = {
  /** A partition is this process's from now on. */
  gain(partition: number): void;
  /** It is not any more: what is known of it is dropped. */
  lose(partition: number): void;
  /**
   * Becomes the owner of a partition that was gained, unless it is. Resolves with the offset in `commands` up to which
   * all is decided, -1 if none is: a source with offsets goes on behind it. Rejects with `NotHeld` as `hold` does, with
   * `Unowned` where that does not work now, and else with what must stop the process.
   */
  own(partition: number, hold: Hold): Promise<number>;
  /**
   * Decides commands. Resolves like `own`, when all are answered, refused or decided before. What is none of these comes
   * again. Rejects with `NotHeld` as `hold` does, and else with what must stop the process.
   */
  decide(partition: number, incoming: readonly Incoming[], hold: Hold): Promise<number>;
  /** Told of what the source cannot go on with. */
  failed(error: unknown): void;
};

/** Keeps hold of a partition: asked before each takeover and while it lasts. Rejects with `NotHeld` if it has another owner. */
export type Hold = () => Promise<void>;

export type Serving = {
  /** Resolves when it is known which partitions are this process's, and those are owned that are to be owned at once. */
  readonly ready: Promise<void>;
  /** Hands over no more. When what was handed over is decided it calls `last`, and then lets go of its partitions. */
  stop(last: () => Promise<void>): Promise<void>;
};

export type Incoming = {
  /** As it came: where it comes from elsewhere, nobody has looked yet whether it is one. */
  readonly command: Command;
  /** Its offset in `commands`, where commands have offsets. */
  readonly offset?: number;
  readonly answer: (answer: Answer) => void;
  readonly refuse: (refusal: Refused) => void;
};

/** The same item, but its sender is told one thing only: what was answered cannot be refused any more. */
export function once(item: Incoming): Incoming {
  let told = false;
  const first =
    <T>(tell: (what: T) => void) =>
    (what: T): void => {
      if (told) return;
      told = true;
      tell(what);
    };
  return { ...item, answer: first(item.answer), refuse: first(item.refuse) };
}

/** A partition is not this process's any more. What is not decided of it is for whoever has it now. */
export class NotHeld extends Error {
  override name = 'NotHeld';
  readonly code = 'NOT_HELD';
}

/** A command that was not decided and left no trace: the sender may send it again with the same id. */
export class Refused extends Error {
  override name = 'Refused';
  constructor(
    readonly code: 'UNAVAILABLE' | 'EXPIRED',
    message: string,
  ) {
    super(message);
  }
}
