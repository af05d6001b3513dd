import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Dice, createDice } from '../../ops/chaos/simulation/dice.js';
import { type Raw, openRaw, openSignedIn, runOn } from '../raw-testing.js';
import { schema } from '../schema/schema.js';
import { type Harness, startConversation, startHarness } from '../testing.js';
import { type Wild, wildDocuments } from './documents-testing.js';
import { wildFrame, wildToken } from './frames-testing.js';

// Twenty thousand things that nobody should send. Each is answered or its socket closed in time, with a code that is
// known; nothing breaks, nothing grows, and whoever comes afterwards is served.

const SEED = Number(process.env['VERBATIM_FUZZ_SEED'] ?? 20_260_131);
const POSTS = 11_000;
const OPERATIONS = 5_000;
const FRAMES = 3_000;
const TOKENS = 1_000;
const AT_ONCE = 24;
const IN_TIME = 60_000;
/** What may be left in memory of them all, in MB: what is remembered is bounded, but not empty. */
const LEFT = 24;

/** Every code that may leave for what a client did wrong. A new one belongs here, and into nobody's blind spot. */
const known = new Set(
  `BAD_REQUEST BAD_USER_INPUT BAD_INPUT BAD_ID BAD_POSITION CURSOR_EXPIRED DOCUMENT_TOO_LARGE
  DOCUMENT_UNKNOWN GRAPHQL_PARSE_FAILED GRAPHQL_VALIDATION_FAILED NOT_FOUND FORBIDDEN OPERATION_UNKNOWN TOO_MANY_OPERATIONS
  TOKEN_INVALID TOKEN_EXPIRED TOKEN_MISSING BODY_TOO_LARGE HEADERS_TOO_LARGE`.split(/\s+/),
);
/** Every code with which a socket may be closed for what was sent on it. */
const closings = new Set([1002, 1003, 1007, 1009, 4400, 4401, 4403, 4408, 4409, 4429]);

let harness: Harness;
let token: string;
let ids: readonly string[];
beforeAll(async () => {
  harness = await startHarness();
  token = await harness.token('ana');
  const { input } = await startConversation(harness, 'ana');
  const stranger = await startConversation(harness, 'ben');
  ids = [input.conversation, input.message, input.reply, stranger.input.conversation].flatMap((id) => [
    id ?? '',
    id?.replace(/^\w+_/, '') ?? '',
  ]);
  ids = [...ids, `user_${harness.userOf('ana')}`, `user_${harness.userOf('ben')}`];
}, 60_000);
afterAll(() => harness.stop());

/** What is unclear about the errors in an answer, in words. */
function unclear(errors: unknown): string | undefined {
  if (!Array.isArray(errors) || errors.length === 0) return 'no errors where some should be';
  for (const { message, extensions } of errors) {
    if (typeof message !== 'string' || message === '' || message.length > 600)
      return `a message: ${String(message).slice(0, 200)}`;
    if (!known.has(extensions?.code)) return `the code ${extensions?.code}: ${message}`;
  }
  return undefined;
}

const inTime = <T>(what: string, answer: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in time to ${what.slice(0, 300)}`)), IN_TIME);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
};

/** Runs tasks by number, some at once. Each has dice of its own, so that a seed repeats them in whatever order. */
async function many(from: number, count: number, task: (dice: Dice, n: number) => Promise<void>): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < from + count) {
      const n = next++;
      await task(createDice(SEED + n), n);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function post(body: string, bearer: string): Promise<void> {
  const response = await inTime(
    body,
    fetch(`${harness.publicUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
      body,
    }),
  );
  const text = await response.text();
  if (!text.startsWith('{'))
    throw new Error(`${response.status} ${text} for ${bearer.slice(0, 200)} to ${body.slice(0, 1_000)}`);
  const { data, errors } = JSON.parse(text);
  const fault = response.status === 200 && errors === undefined && data ? undefined : unclear(errors);
  if (fault) throw new Error(`${fault}\n  in the answer ${response.status} to ${body.slice(0, 1_000)}`);
}

/** Sends an operation on a socket and takes one answer. Returns the socket to go on with. */
async function operate(raw: Raw, id: string, wild: Wild): Promise<Raw> {
  const sent = JSON.stringify({ id, type: 'subscribe', payload: wild });
  raw.send(sent);
  // A pong behind it tells that a subscription is quiet, where nothing has come.
  const answer = raw.next((frame) => frame.id === id).catch(() => undefined);
  const frame = await inTime(sent, Promise.race([answer, raw.closed.then(() => undefined), quiet(wild)]));
  if (frame === 'quiet') raw.send({ id, type: 'complete' });
  else if (frame?.type === 'next') {
    const { errors } = JSON.parse(JSON.stringify(frame.payload));
    const fault = errors && unclear(errors);
    if (fault) throw new Error(`${fault}\n  in the result of ${sent.slice(0, 1_000)}`);
    raw.send({ id, type: 'complete' });
  } else if (frame?.type === 'error') {
    const fault = unclear(frame.payload);
    if (fault) throw new Error(`${fault}\n  in the errors of ${sent.slice(0, 1_000)}`);
  } else if (!frame) {
    const { code, reason } = await raw.closed;
    if (!closings.has(code)) throw new Error(`closed with ${code} ${reason} after ${sent.slice(0, 1_000)}`);
    return openSignedIn(harness, 'ana');
  }
  return raw;
}

/** A subscription that begins well may have nothing to say. */
const quiet = ({ query }: Wild): Promise<'quiet'> =>
  new Promise((resolve) => {
    setTimeout(() => resolve('quiet'), query.includes('subscription') ? 150 : IN_TIME * 2).unref();
  });

function heapAfterGc(): number {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc === 'function') for (let n = 0; n < 3; n++) gc();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

it('takes twenty thousand things that nobody should send', { timeout: 400_000 }, async () => {
  const took: Record<string, number> = {};
  const phase = async (name: string, work: Promise<void>): Promise<void> => {
    const begun = performance.now();
    await work;
    took[name] = Math.round(performance.now() - begun);
  };
  const wild = (dice: Dice): Wild => wildDocuments(schema, ids, dice)();
  const posts = (from: number, count: number): Promise<void> =>
    many(from, count, (dice) => post(JSON.stringify(wild(dice)), token));

  // What is remembered is full after this.
  await phase('first', posts(0, 2_000));
  const before = heapAfterGc();

  await phase('posts', posts(2_000, POSTS - 2_000));

  const sockets = await Promise.all(Array.from({ length: 16 }, () => openSignedIn(harness, 'ana')));
  const turns = sockets.map(async (socket, at) => {
    let raw = socket;
    for (let n = 0; n < OPERATIONS / sockets.length; n++) {
      raw = await operate(raw, `${at} ${n}`, wild(createDice(SEED + POSTS + at * OPERATIONS + n)));
    }
    raw.socket.terminate();
  });
  await phase(
    'operations',
    Promise.all(turns).then(() => undefined),
  );

  await phase(
    'frames',
    many(100_000, FRAMES / 4, async (dice) => {
      const raw = dice.chance(0.6) ? await openSignedIn(harness, 'cem').catch(() => undefined) : await openRaw(harness);
      if (!raw) return;
      const frames = Array.from({ length: 4 }, () => wildFrame(dice, token));
      for (const frame of frames) if (raw.socket.readyState === raw.socket.OPEN) raw.socket.send(frame);
      // It still answers, or was closed for a reason.
      if (raw.socket.readyState === raw.socket.OPEN) raw.send({ type: 'ping', payload: { last: true } });
      const answered = raw
        .next(({ type }) => type === 'pong')
        .then(
          () => undefined,
          () => undefined,
        );
      const closed = await inTime(frames.map(String).join('\n'), Promise.race([raw.closed, answered]));
      if (closed && !closings.has(closed.code)) {
        throw new Error(
          `closed with ${closed.code} ${closed.reason} after ${frames.map(String).join('\n').slice(0, 2_000)}`,
        );
      }
      raw.socket.terminate();
    }),
  );

  await phase(
    'tokens',
    many(200_000, TOKENS, async (dice) => {
      const forged = wildToken(dice, token);
      if (dice.chance(0.7)) return post('{"query":"{ viewer { roles } }"}', forged);
      const raw = await openRaw(harness);
      raw.send({ type: 'connection_init', payload: { authorization: `Bearer ${forged}` } });
      const acknowledged = raw
        .next(({ type }) => type === 'connection_ack')
        .then(
          () => undefined,
          () => undefined,
        );
      const closed = await inTime(forged, Promise.race([raw.closed, acknowledged]));
      if (closed && ![4403, 1009].includes(closed.code)) {
        throw new Error(`closed with ${closed.code} ${closed.reason} for ${forged.slice(0, 200)}`);
      }
      raw.socket.terminate();
    }),
  );

  expect(harness.failures).toEqual([]);
  const grown = heapAfterGc() - before;
  console.log(`fuzz: seed ${SEED}, heap grew by ${grown.toFixed(1)} MB, ms: ${JSON.stringify(took)}`);
  expect(grown).toBeLessThan(LEFT);

  // By their id: the name that they have by now is one of those twenty thousand things.
  expect((await harness.ask('ana', '{ viewer { user { id } } }')).data).toEqual({
    viewer: { user: { id: `user_${harness.userOf('ana')}` } },
  });
  const last = await openSignedIn(harness, 'ana');
  expect(await runOn(last, '1', { query: '{ viewer { roles } }' })).toEqual({ data: { viewer: { roles: ['USER'] } } });
});
