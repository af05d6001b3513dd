import type { DomainCommand } from '../../domain/catalogue.js';
import type { Sealed } from '../../domain/content.js';
import type { Stream, Uuid } from '../../domain/ids.js';
import type { Answer } from '../command.js';

/** Text that is still in the open, and where it belongs (see `contentOf`). The client seals it. */
export type Plain = { readonly plain: string; readonly content: string };

/** A type with plain text wherever the log holds sealed text. */
export type Open<T> = T extends Sealed
  ? Plain
  : T extends readonly (infer U)[]
    ? readonly Open<U>[]
    : T extends object
      ? { [K in keyof T]: Open<T[K]> }
      : T;

/** A command before it is sealed. `key` names the key for its content (see `personKey`), needed where there is any. */
export type Draft = {
  [C in DomainCommand as C['type']]: { readonly type: C['type']; readonly data: Open<C['data']> };
}[DomainCommand['type']] & {
  readonly id: Uuid;
  readonly actor: string;
  readonly stream: Stream;
  readonly key?: string;
  readonly expected?: number;
  readonly correlation?: Uuid;
  /** How long it may wait to be decided, in ms. Default 10,000. */
  readonly patience?: number;
};

/** What the sender learns: the answer, or that none came in time. A pending command may still be decided. */
export type Sent = Answer | { readonly status: 'pending'; readonly command: Uuid };

/** Sends commands. Content is sealed here, before it leaves for any log. Throws `Refused` if it was not taken. */
export type CommandClient = { send(draft: Draft): Promise<Sent> };
