import { charsOf, contentOf, cutText, limits } from '../../domain/content.js';
import { ASSISTANT } from '../../domain/decider.js';
import { type Uuid, nameFor, streamOf } from '../../domain/ids.js';
import { type Wait, within } from '../wait.js';
import type { Keeper } from './executor.js';
import { type Insist, isOvertaken, settle } from './insist.js';
import type { ReadBranch, TitleObligation, Titler, Turn } from './reactor.js';
import { aborted } from './speech.js';

export type TitlesOptions = {
  readonly branch: ReadBranch;
  readonly insist: Insist;
  readonly titler: Titler;
  /** This process, for its claims. */
  readonly executor: Uuid;
  readonly wait: Wait;
  /** Told of titles that failed. None of it stops the reactor. */
  readonly onFailure: (error: unknown) => void;
};

/** How many are made at once. */
const AT_ONCE = 4;

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
  const { branch, insist, titler, executor, wait, onFailure } = options;
  const { endpoint, model } = titler;

  /** A line that fits, or what goes wrong. */
  const make = async (turns: readonly Turn[], gone: AbortSignal): Promise<string> => {
    const over = new AbortController();
    const signal = AbortSignal.any([gone, over.signal]);
    try {
      const late = (): Error => new Error('no title came in time');
      // A titler that is deaf to its signal is not waited for either.
      const title = lineOf(await within(PATIENCE_MS, titler.title(turns, signal), (ms) => wait(ms, signal), late));
      if (charsOf(title) === 0) throw new Error('the title is blank');
      return title;
    } finally {
      over.abort();
    }
  };

  return {
    atOnce: AT_ONCE,
    due: async ({ attempt }, signal) => {
      if (attempt > 0) await wait(RETRY_MS * attempt, signal);
    },
    keep: async (owed, { turn: attempt, gone, again }) => {
      const { id, conversation, reply, key, position } = owed;
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

      // Trouble in the view throws, and takes no attempt: the same one goes on when the view is well again.
      const turns = await Promise.race([branch(conversation, reply, position), aborted(gone)]);
      if (!turns) return;
      const plain = await make(turns, gone).catch((error: unknown) => {
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
const lineOf = (title: string): string => cutText(title.replace(/\s+/g, ' ').trim(), limits.title);
