import { type Part, charsOf, contentOf } from '../../domain/content.js';
import { ASSISTANT } from '../../domain/decider.js';
import { type Uuid, nameFor, streamOf } from '../../domain/ids.js';
import type { Open } from '../client/client.js';
import type { Wait } from '../wait.js';
import type { Keeper, Run } from './executor.js';
import { type Insist, isOvertaken } from './insist.js';
import type { ReadBranch, ReplyObligation, Responder, Turn } from './reactor.js';
import { type Speech, aborted, listen } from './speech.js';

export type AssistantOptions = {
  readonly branch: ReadBranch;
  readonly insist: Insist;
  readonly live: ReplyStream;
  readonly responder: Responder;
  /** This process, for its claims: another one's claim of the same attempt is another payload, and is refused. */
  readonly executor: Uuid;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly wait: Wait;
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

/** Keeps every promise of a reply: claims it with the next attempt, answers the branch, and ends it. */
export function assistant(options: AssistantOptions): Keeper<ReplyObligation> {
  const { branch, insist, live, responder, executor, now, wait, onFailure, atOnce = 100 } = options;
  const { endpoint, model } = responder;

  const claim = async ({ id: reply, conversation }: ReplyObligation, attempt: number, gone: AbortSignal) => {
    const stream = streamOf('conversation', conversation);
    const claimed = await insist(
      {
        id: nameFor(stream, reply, `claim:${attempt}`),
        actor: ASSISTANT,
        stream,
        type: 'ClaimReply',
        data: { reply, attempt, executor, endpoint, model },
      },
      gone,
    );
    if (claimed.status === 'rejected' && !isOvertaken(claimed)) {
      onFailure(new Error(`the claim of reply ${reply} was refused: ${claimed.message}`));
    }
    return claimed.status === 'accepted';
  };

  /** Ends an attempt. True if its end is in the log; false if another attempt has overtaken it. */
  const end = async (owed: ReplyObligation, attempt: number, speech: Speech, stop: boolean, gone: AbortSignal) => {
    const { id: reply, conversation, key } = owed;
    const { firstTokenMs, latencyMs, tokens, finish } = speech;
    const stream = streamOf('conversation', conversation);
    const common = { actor: ASSISTANT, stream };
    const sealed = { ...common, id: nameFor(stream, reply, `end:${attempt}`), key };
    const said = { reply, attempt, parts: partsOf(reply, speech.text), latencyMs };
    const failed = { ...sealed, type: 'FailReply', data: { ...said, code: 'RESPONDER_FAILED' } } as const;
    const cut = { ...sealed, type: 'EndStoppedReply', data: said } as const;
    const whole = { ...sealed, type: 'CompleteReply', data: { ...said, firstTokenMs, tokens, finish } } as const;
    let sent = await insist(speech.failure !== undefined ? failed : stop ? cut : whole, gone);
    if (sent.status === 'rejected' && !isOvertaken(sent) && !gone.aborted) {
      // What was said cannot be kept, as when its key was destroyed. It ends all the same, without it.
      onFailure(new Error(`the end of reply ${reply} was refused: ${sent.message}`));
      const data = { reply, attempt, parts: [], latencyMs, code: 'TEXT_REFUSED' };
      const id = nameFor(stream, reply, `bare end:${attempt}`);
      sent = await insist({ ...common, id, type: 'FailReply', data }, gone);
    }
    return sent.status === 'accepted';
  };

  /** Throws if the view is in trouble: that is no fault of the reply's, which is answered when the view is well again. */
  const answer = async (owed: ReplyObligation, attempt: number, { stop, gone }: Run): Promise<Speech> => {
    const { id: reply, conversation, parent, position } = owed;
    const enough = AbortSignal.any([stop, gone]);
    const read = async (): Promise<readonly Turn[] | undefined> =>
      enough.aborted ? undefined : branch(conversation, parent, position);
    const turns = await Promise.race([read(), aborted(enough)]);
    return listen({
      pieces: (async function* () {
        if (turns && !enough.aborted) yield* responder.respond(turns, enough);
      })(),
      show: (offset, text) => live.writeReply({ reply, attempt, part: 0, offset, text }),
      stop,
      gone,
      now,
      wait,
    });
  };

  return {
    atOnce,
    keep: async (owed, run) => {
      const { turn: attempt, stop, gone, ended } = run;
      let landed = false;
      try {
        if (gone.aborted || !(await claim(owed, attempt, gone)) || gone.aborted) return;
        const speech = await answer(owed, attempt, run);
        if (gone.aborted) return;
        if (speech.failure !== undefined) onFailure(speech.failure);
        landed = await end(owed, attempt, speech, stop.aborted, gone);
      } finally {
        if (landed || ended.aborted) live.endReply(owed.id);
      }
    },
  };
}

const partsOf = (reply: Uuid, text: string): Open<readonly Part[]> =>
  text === '' ? [] : [{ type: 'text', text: { plain: text, content: contentOf.part(reply, 0) }, chars: charsOf(text) }];
