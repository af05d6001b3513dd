import type { Told } from './channel.js';
import type { Entry } from '../../../commands/log/log.js';
import type { Shelf } from '../../../commands/snapshots/memory.js';

/** What is left of a world when it has ended: all that the checker looks at. */
export type History = {
  /** Every record of every partition, void ones too. */
  readonly files: readonly (readonly Entry[])[];
  /** The store of snapshots, after everything in memory was brought there. */
  readonly shelf: Shelf;
  /** The names of all that people wanted. Reactors' commands are not among them. */
  readonly wanted: ReadonlySet<string>;
  /** All answers, as workers gave them. */
  readonly told: readonly Told[];
  /** What people know in the end of what they wanted. */
  readonly known: readonly Told[];
  /** Names of commands that were handed to one worker once, and refused: nothing may come of them. */
  readonly refused: readonly string[];
  /** Names of commands in the topic that no worker has answered or refused: they are in the log all the same. */
  readonly unheard: readonly string[];
  /** What did not come to its end although nothing hindered it any more. */
  readonly unfinished: readonly string[];
  /** What must never happen to a worker: it stopped for want of something that no fault explains, or gave a command up. */
  readonly broken: readonly string[];
};
