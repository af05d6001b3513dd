import type { Part } from '../../domain/content.js';
import { contentOf, personKey } from '../../domain/content.js';
import { ASSISTANT } from '../../domain/decider.js';
import { type Uuid, derivedId, streamOf } from '../../domain/ids.js';
import type { CommandClient, Draft, Open, Sent } from '../client/client.js';
import type { Obligations, ReadBranch, ReplyObligation, Responder } from './reactor.js';

export type AssistantOptions = {
  readonly obligations: Obligations;
  readonly branch: ReadBranch;
  readonly client: CommandClient;
  readonly live: ReplyStream;
  readonly responder: Responder;
  /** This process, for its claims: another one's claim of the same attempt is another payload, and is refused. */
  readonly executor: Uuid;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
};

/** Where the text of a running reply goes on its way to the screens. */
export type ReplyStream = {
  writeReply(delta: { reply: Uuid; attempt: number; part: number; offset: number; text: string }): void;
  endReply(reply: Uuid): void;
};

const WINDOW_MS = 40;
const LONGEST_BACKOFF_MS = 5_000;

/** What came of an attempt: the text so far, and how it ended. */
type Spoken = {
  text: string;
  tokens: number;
  firstTokenMs: number;
  readonly begun: number;
};

/**
 * Keeps every promise of a reply: claims it with the next attempt, answers the branch, and ends it. Whatever happens in
 * between, the log holds one end: commands are named after the reply and the attempt, so that a restart, a lost
 * checkpoint or a second process repeats nothing.
 */
export async function startAssistant(options: AssistantOptions): Promise<{ stop(): void }> {
  const { obligations, branch, client, live, responder, executor, now, wait, onFailure } = options;
  const running = new Map<Uuid, { readonly stop: AbortController }>();
  const stopped = new AbortController();

  /** Sends until there is an answer: the same id again changes nothing. */
  const insist = async (draft: Draft): Promise<Sent> => {
    for (let backOff = 100; ; backOff = Math.min(backOff * 2, LONGEST_BACKOFF_MS)) {
      const sent = await client.send(draft);
      const unknown = sent.status === 'pending' || (sent.status === 'rejected' && retriable.has(sent.code));
      if (!unknown || stopped.signal.aborted) return sent;
      await wait(backOff, stopped.signal);
    }
  };

  const keep = async (owed: ReplyObligation, stop: AbortSignal): Promise<void> => {
    const { reply, conversation } = owed;
    const attempt = owed.attempt + 1;
    const common = { actor: ASSISTANT, stream: streamOf('conversation', conversation) };
    const claimed = await insist({
      ...common,
      id: derivedId(reply, `claim:${attempt}`),
      type: 'ClaimReply',
      data: { reply, attempt, executor, endpoint: responder.endpoint, model: responder.model },
    });
    if (claimed.status !== 'accepted') return; // Somebody else has it, or it has ended.

    const spoken: Spoken = { text: '', tokens: 0, firstTokenMs: 0, begun: now() };
    const failure = stop.aborted ? undefined : await speak(owed, attempt, spoken, stop);
    if (stopped.signal.aborted) return; // The process ends: the next one takes the next attempt.

    const parts: Open<readonly Part[]> =
      spoken.text === ''
        ? []
        : [
            {
              type: 'text',
              text: { plain: spoken.text, content: contentOf.part(reply, 0) },
              chars: spoken.text.length,
            },
          ];
    const end = { reply, attempt, parts, latencyMs: now() - spoken.begun };
    const sealed = { ...common, id: derivedId(reply, `end:${attempt}`), key: personKey(owed.by) };
    if (failure !== undefined) {
      onFailure(failure);
      await insist({ ...sealed, type: 'FailReply', data: { ...end, code: 'RESPONDER_FAILED' } });
    } else if (stop.aborted) {
      await insist({ ...sealed, type: 'EndStoppedReply', data: end });
    } else {
      const { firstTokenMs, tokens } = spoken;
      await insist({ ...sealed, type: 'CompleteReply', data: { ...end, firstTokenMs, tokens, finish: 'stop' } });
    }
    live.endReply(reply);
  };

  /** Streams the answer to live, in windows. Returns what went wrong, if anything. */
  const speak = async (owed: ReplyObligation, attempt: number, spoken: Spoken, stop: AbortSignal): Promise<unknown> => {
    let shown = 0;
    let shownAt = -Infinity;
    const show = (): void => {
      const end = wholeEnd(spoken.text);
      if (end === shown) return;
      const text = spoken.text.slice(shown, end);
      live.writeReply({ reply: owed.reply, attempt, part: 0, offset: shown, text });
      shown = end;
      shownAt = now();
    };
    try {
      const turns = await branch(owed.conversation, owed.parent, owed.position);
      for await (const piece of responder.respond(turns, AbortSignal.any([stop, stopped.signal]))) {
        if (spoken.tokens++ === 0) spoken.firstTokenMs = now() - spoken.begun;
        spoken.text += piece;
        if (now() - shownAt >= WINDOW_MS) show();
      }
      show();
      return undefined;
    } catch (error) {
      return stop.aborted || stopped.signal.aborted ? undefined : error;
    }
  };

  const begin = (owed: ReplyObligation): void => {
    const stop = new AbortController();
    if (owed.stopping) stop.abort();
    running.set(owed.reply, { stop });
    keep(owed, stop.signal)
      .catch(onFailure)
      .finally(() => running.delete(owed.reply));
  };

  let settled = false;
  const unwatch = await obligations.watch((change) => {
    if (stopped.signal.aborted) return;
    if ('ended' in change) {
      running.get(change.ended)?.stop.abort();
      return;
    }
    const mine = running.get(change.reply);
    if (mine && change.stopping) mine.stop.abort();
    // What stood begun when this process started was begun by one that is gone; later it is begun elsewhere.
    if (!mine && (!settled || change.attempt === 0)) begin(change);
  });
  settled = true;

  return {
    stop: () => {
      stopped.abort();
      unwatch();
    },
  };
}

const retriable: ReadonlySet<string> = new Set(['UNAVAILABLE', 'EXPIRED']);

/** Where the text can be cut without cutting a surrogate pair. */
const wholeEnd = (text: string): number => {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last < 0xdc00 ? text.length - 1 : text.length;
};
