import { charsOf, contentOf, limits } from '../../domain/content.js';
import { ASSISTANT } from '../../domain/decider.js';
import { type Uuid, nameFor, streamOf } from '../../domain/ids.js';
import { type Insist, type Keeper, type Wait, isOvertaken, settle } from './executor.js';
import type { ReadBranch, TitleObligation, Titler } from './reactor.js';

export type TitlesOptions = {
  readonly branch: ReadBranch;
  readonly insist: Insist;
  readonly titler: Titler;
  /** This process, for its claims. */
  readonly executor: Uuid;
  readonly wait: Wait;
  /** Told of titles that failed. None of it stops the reactor. */
  readonly onFailure: (error: unknown) => void;
  /** How many are made at once. Default 4. */
  readonly atOnce?: number;
};

/** How often a title is tried for, before the one that the conversation began with stays. */
const ATTEMPTS = 3;

/** How long a titler may take. */
const PATIENCE_MS = 60_000;

/** How long the next attempt waits, times the attempts before it. */
const RETRY_MS = 2_000;

/**
 * Gives a conversation the title that its first exchange asks for. A person's own name for it always wins: whatever the
 * titler says then is refused as stale. After the last attempt the title that it began with stays.
 */
export function titles(options: TitlesOptions): Keeper<TitleObligation> {
  const { branch, insist, titler, executor, wait, onFailure, atOnce = 4 } = options;
  const { endpoint, model } = titler;

  /** A line that fits, or what goes wrong. */
  const make = async ({ conversation, reply, position }: TitleObligation, gone: AbortSignal): Promise<string> => {
    const over = new AbortController();
    const signal = AbortSignal.any([gone, over.signal]);
    try {
      const late = wait(PATIENCE_MS, signal).then((): never => {
        throw new Error('no title came in time');
      });
      const made = branch(conversation, reply, position).then((turns) => titler.title(turns, signal));
      const title = lineOf(await Promise.race([made, late]));
      if (charsOf(title) === 0) throw new Error('the title is blank');
      return title;
    } finally {
      over.abort();
    }
  };

  return {
    atOnce,
    due: async ({ attempt }, signal) => {
      if (attempt > 0) await wait(RETRY_MS * attempt, signal);
    },
    keep: async (owed, { turn: attempt, gone, again }) => {
      const { id, conversation, key } = owed;
      const stream = streamOf('conversation', conversation);
      const common = { actor: ASSISTANT, stream };
      const giveUp = async (data: { attempt: number; code: string }): Promise<void> => {
        const name = `${data.code}:${data.attempt}`;
        await settle(insist, { ...common, id: nameFor(stream, id, name), type: 'FailTitle', data }, gone);
      };

      if (gone.aborted) return;
      // The last attempt was left behind by a process that is gone. There is no other one: it is ended.
      if (attempt > ATTEMPTS) return giveUp({ attempt: ATTEMPTS, code: 'ABANDONED' });
      const data = { attempt, executor, endpoint, model };
      const claimed = await insist(
        { ...common, id: nameFor(stream, id, `claim:${attempt}`), type: 'ClaimTitle', data },
        gone,
      );
      if (claimed.status !== 'accepted') {
        if (claimed.status === 'rejected' && !isOvertaken(claimed)) {
          onFailure(new Error(`the claim of the title of ${conversation} was refused: ${claimed.message}`));
        }
        return;
      }

      const plain = await make(owed, gone).catch((error: unknown) => {
        if (!gone.aborted) onFailure(error);
        return undefined;
      });
      if (gone.aborted) return;
      if (plain === undefined) {
        if (attempt === ATTEMPTS) return giveUp({ attempt, code: 'TITLER_FAILED' });
        return again({ ...owed, attempt, executor });
      }
      const title = { plain, content: contentOf.title(conversation) };
      const set = { ...common, id: nameFor(stream, id, `set:${attempt}`), key, type: 'SetTitle' } as const;
      const sent = await insist({ ...set, data: { attempt, title, chars: charsOf(plain) } }, gone);
      if (sent.status === 'rejected' && !isOvertaken(sent) && !gone.aborted) {
        // It cannot be kept, as when its key was destroyed.
        onFailure(new Error(`the title of ${conversation} was refused: ${sent.message}`));
        await giveUp({ attempt, code: 'TITLE_REFUSED' });
      }
    },
  };
}

/** What a titler says, as one line that is not too long and cuts no character in half. */
const lineOf = (title: string): string =>
  title
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, limits.title)
    .toWellFormed()
    .replace(/\uFFFD$/, '');
