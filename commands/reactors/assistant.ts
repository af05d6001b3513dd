import { type Part, charsOf, contentOf, personKey } from '../../domain/content.js';
import { ASSISTANT } from '../../domain/decider.js';
import { type Uuid, derivedId, streamOf } from '../../domain/ids.js';
import type { CommandClient, Draft, Open, Sent } from '../client/client.js';
import { createLine } from './line.js';
import type { Obligations, ReadBranch, ReplyObligation, Responder } from './reactor.js';
import { type Speech, listen } from './speech.js';

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
  /** Resolves after so many ms, or with the signal. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Told of replies that failed. None of it stops the assistant. */
  readonly onFailure: (error: unknown) => void;
  /** How many replies run at once; the others wait in line. Default 100. */
  readonly atOnce?: number;
};

/** Where the text of a running reply goes on its way to the screens. */
export type ReplyStream = {
  writeReply(delta: { reply: Uuid; attempt: number; part: number; offset: number; text: string }): void;
  endReply(reply: Uuid): void;
};

export type Assistant = {
  /** Leaves what runs to the next process, which takes the next attempt. Resolves when nothing is under way. */
  stop(): Promise<void>;
};

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

/** How long whoever runs a reply has to end it after a stop, before somebody else does. */
const SWEEP_MS = 5_000;

/** A reply that this process answers for. */
type Running = {
  readonly attempt: number;
  /** It shall end with the text so far. */
  readonly stop: AbortController;
  /** It is no longer ours: a later attempt has it, or it has ended. */
  readonly gone: AbortController;
  /** Its end is in the log. */
  ended: boolean;
};

/**
 * Keeps every promise of a reply: claims it with the next attempt, answers the branch, and ends it. Whatever happens in
 * between, the log holds one end: commands are named after the reply and the attempt, so that a restart, a lost
 * checkpoint or a second process repeats nothing.
 */
export async function startAssistant(options: AssistantOptions): Promise<Assistant> {
  const { obligations, branch, client, live, responder, executor, now, wait, onFailure, atOnce = 100 } = options;
  const running = new Map<Uuid, Running>();
  const kept = new Set<Promise<void>>();
  const stopped = new AbortController();
  const place = createLine(atOnce);

  /** Sends until there is an answer: the same id again changes nothing. */
  const insist = async (draft: Draft, gone: AbortSignal): Promise<Sent> => {
    for (let backOff = FIRST_BACKOFF_MS; ; backOff = Math.min(backOff * 2, LONGEST_BACKOFF_MS)) {
      const sent = await client.send(draft);
      const unknown = sent.status === 'pending' || (sent.status === 'rejected' && retriable.has(sent.code));
      if (!unknown || gone.aborted) return sent;
      await wait(backOff, gone);
    }
  };

  const claim = async ({ reply, conversation }: ReplyObligation, attempt: number, gone: AbortSignal) => {
    const claimed = await insist(
      {
        id: derivedId(reply, `claim:${attempt}`),
        actor: ASSISTANT,
        stream: streamOf('conversation', conversation),
        type: 'ClaimReply',
        data: { reply, attempt, executor, endpoint: responder.endpoint, model: responder.model },
      },
      gone,
    );
    if (claimed.status === 'rejected' && !overtaken.has(claimed.code)) {
      onFailure(new Error(`the claim of reply ${reply} was refused: ${claimed.message}`));
    }
    return claimed.status === 'accepted';
  };

  /** Ends an attempt. True if its end is in the log; false if another attempt has overtaken it. */
  const end = async (owed: ReplyObligation, attempt: number, speech: Speech, stop: boolean, gone: AbortSignal) => {
    const { reply, conversation, by } = owed;
    const { firstTokenMs, latencyMs, tokens, finish } = speech;
    const common = { actor: ASSISTANT, stream: streamOf('conversation', conversation) };
    const sealed = { ...common, id: derivedId(reply, `end:${attempt}`), key: personKey(by) };
    const said = { reply, attempt, parts: partsOf(reply, speech.text), latencyMs };
    const failed = { ...sealed, type: 'FailReply', data: { ...said, code: 'RESPONDER_FAILED' } } as const;
    const cut = { ...sealed, type: 'EndStoppedReply', data: said } as const;
    const whole = { ...sealed, type: 'CompleteReply', data: { ...said, firstTokenMs, tokens, finish } } as const;
    let sent = await insist(speech.failure !== undefined ? failed : stop ? cut : whole, gone);
    if (sent.status === 'rejected' && !overtaken.has(sent.code) && !gone.aborted) {
      // What was said cannot be kept, as when its key was destroyed. It ends all the same, without it.
      onFailure(new Error(`the end of reply ${reply} was refused: ${sent.message}`));
      const data = { reply, attempt, parts: [], latencyMs, code: 'TEXT_REFUSED' };
      sent = await insist({ ...common, id: derivedId(reply, `bare end:${attempt}`), type: 'FailReply', data }, gone);
    }
    return sent.status === 'accepted';
  };

  const keep = async (owed: ReplyObligation, mine: Running): Promise<void> => {
    const { reply, conversation, parent, position } = owed;
    const { attempt } = mine;
    const stop = mine.stop.signal;
    const gone = AbortSignal.any([mine.gone.signal, stopped.signal]);
    const enough = AbortSignal.any([stop, gone]);

    const leave = await place(enough);
    try {
      if (gone.aborted || !(await claim(owed, attempt, gone)) || gone.aborted) return;
      const speech = await listen({
        pieces: (async function* () {
          if (!enough.aborted) yield* responder.respond(await branch(conversation, parent, position), enough);
        })(),
        show: (offset, text) => live.writeReply({ reply, attempt, part: 0, offset, text }),
        stop,
        gone,
        now,
        wait,
      });
      if (gone.aborted) return;
      if (speech.failure !== undefined) onFailure(speech.failure);
      if (await end(owed, attempt, speech, stop.aborted, gone)) mine.ended = true;
    } finally {
      leave();
      if (mine.ended) live.endReply(reply);
    }
  };

  const begin = (owed: ReplyObligation, after = 0): void => {
    const { reply } = owed;
    const [stop, gone] = [new AbortController(), new AbortController()];
    const mine = { attempt: owed.attempt + 1, stop, gone, ended: false };
    if (owed.stopping) stop.abort();
    running.set(reply, mine);
    const doing = (after > 0 ? wait(after, AbortSignal.any([gone.signal, stopped.signal])) : Promise.resolve())
      .then(() => keep(owed, mine))
      .catch(onFailure)
      .finally(() => {
        if (running.get(reply) === mine) running.delete(reply);
        kept.delete(doing);
      });
    kept.add(doing);
  };

  let settled = false;
  const unwatch = await obligations.watch((change) => {
    if (stopped.signal.aborted) return;
    if ('ended' in change) {
      const mine = running.get(change.ended);
      if (mine) mine.ended = true;
      mine?.gone.abort();
      return;
    }
    const mine = running.get(change.reply);
    if (mine) {
      if (change.attempt > mine.attempt) mine.gone.abort();
      else if (change.stopping) mine.stop.abort();
    } else if (!settled || change.attempt === 0) {
      // What stood begun when this process started was begun by one that is gone.
      begin(change);
    } else if (change.stopping) {
      // Begun elsewhere. If nobody is there to stop it, this process does.
      begin(change, SWEEP_MS);
    }
  });
  settled = true;

  return {
    stop: async () => {
      stopped.abort();
      unwatch();
      await Promise.all(kept);
    },
  };
}

/** Nothing was decided: the same again, later. */
const retriable: ReadonlySet<string> = new Set(['UNAVAILABLE', 'EXPIRED']);

/** Somebody else has it. */
const overtaken: ReadonlySet<string> = new Set(['STALE', 'COMMAND_ID_REUSED']);

const partsOf = (reply: Uuid, text: string): Open<readonly Part[]> =>
  text === '' ? [] : [{ type: 'text', text: { plain: text, content: contentOf.part(reply, 0) }, chars: charsOf(text) }];
