import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GqlError } from './client.js';
import { Inbox } from './operations.js';
import { type Gateway, fault, openGateway } from './testing.js';

/** The session of this page: which tokens it gave, and whether it was told that it is over. */
const session = vi.hoisted(() => {
  const state = { seconds: 300, given: 0, stale: [] as unknown[], ended: 0, ends: 0 };
  return {
    state,
    module: {
      token: async (stale?: string) => {
        state.given += 1;
        state.stale.push(stale);
        state.ends = Date.now() + state.seconds * 1_000;
        return `token-${state.given}`;
      },
      tokenEnds: () => state.ends,
      ended: () => {
        state.ended += 1;
      },
    },
  };
});
vi.mock('../auth/session.js', () => session.module);

let gateway: Gateway;
let subscribe: typeof import('./client.js').subscribe;
let connected: typeof import('./client.js').connected;
const left: (() => void)[] = [];
beforeEach(async () => {
  Object.assign(session.state, { seconds: 300, given: 0, stale: [], ended: 0 });
  gateway = await openGateway();
  gateway.stub();
  vi.resetModules();
  ({ subscribe, connected } = await import('./client.js'));
});
afterEach(async () => {
  for (const leave of left.splice(0)) leave();
  await gateway.stop();
  vi.unstubAllGlobals();
});

/** Follows the inbox: what came, and how often and with what it ended. */
function follow() {
  const got: unknown[] = [];
  const ends: (GqlError | undefined)[] = [];
  const leave = subscribe(
    Inbox,
    {},
    (data) => got.push(data),
    (error) => ends.push(error),
  );
  left.push(leave);
  return { got, ends, leave };
}
const began = async (count = 1) => {
  await expect.poll(() => gateway.heard('subscribe').length, { timeout: 5_000 }).toBe(count);
  return gateway.heard('subscribe').at(-1);
};
const authorizations = (type: string) => gateway.heard(type).map(({ payload }) => payload?.['authorization']);
const page = { inbox: { complete: true, conversations: [], gone: [] } };

describe('a subscription', () => {
  it('hands on what is good, and ends once when the server completes it', async () => {
    const { got, ends } = follow();
    const begun = await began();
    gateway.tell(begun, 'next', { data: page });
    gateway.tell(begun, 'complete');
    await expect.poll(() => ends).toEqual([undefined]);
    expect(got).toEqual([page]);
  });

  it.each([
    ['and no data', null],
    ['beside data', page],
  ])('is left, and ends once, at a result with errors %s', async (_, data) => {
    const { got, ends } = follow();
    const begun = await began();
    gateway.tell(begun, 'next', { data, errors: [fault('RATE_LIMITED', { retryAfter: 700 })] });
    await expect.poll(() => gateway.heard('complete').map(({ id }) => id)).toEqual([begun?.id]);
    gateway.tell(begun, 'next', { data: page });
    gateway.tell(begun, 'complete');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(ends).toMatchObject([{ code: 'RATE_LIMITED', retryAfter: 700 }]);
    expect(got).toEqual([]);
  });

  it('tells nothing after it was left', async () => {
    const { ends, leave } = follow();
    await began();
    leave();
    await expect.poll(() => gateway.heard('complete').length).toBe(1);
    expect(ends).toEqual([]);
  });
});

describe('a socket', () => {
  it('gets a fresh token in a ping, before its own ends, and the subscription goes on', async () => {
    session.state.seconds = 2.2;
    const { got, ends } = follow();
    const begun = await began();
    session.state.seconds = 300;
    await expect.poll(() => authorizations('ping'), { timeout: 2_100 }).toEqual(['Bearer token-2']);
    expect(authorizations('connection_init')).toEqual(['Bearer token-1']);
    expect(session.state.stale).toEqual([undefined, 'token-1']);
    gateway.tell(begun, 'next', { data: page });
    await expect.poll(() => got).toEqual([page]);
    expect(ends).toEqual([]);
    expect(gateway.heard('subscribe').length).toBe(1);
  });

  it('comes back after 1013, later each time, with the token that it has', async () => {
    gateway.greet = (_, times) => (times <= 3 ? 1013 : 'ack');
    const { ends } = follow();
    await began();
    const tries = gateway.heard('connection_init').map(({ at }) => at);
    const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    // Each is between a half and the whole of 250 ms, doubled each time.
    expect(pauses.map((ms, index) => ms >= 125 * 2 ** index)).toEqual([true, true, true]);
    expect(session.state.stale).toEqual([undefined, undefined, undefined, undefined]);
    expect([ends, session.state.ended]).toEqual([[], 0]);
  });

  it('comes back after 1012, some time within a second, and nobody notices', async () => {
    const { ends } = follow();
    const begun = await began();
    const chance = vi.spyOn(Math, 'random').mockReturnValue(0.6);
    vi.useFakeTimers({ toFake: ['setTimeout'], shouldAdvanceTime: true });
    begun?.socket.close(1012);
    await expect.poll(() => chance.mock.calls.length).toBe(1);
    await vi.advanceTimersByTimeAsync(400);
    expect([gateway.heard('connection_init').length, connected()]).toEqual([1, true]);
    await vi.advanceTimersByTimeAsync(300);
    vi.useRealTimers();
    await began(2);
    chance.mockRestore();
    expect([ends, connected(), session.state.ended]).toEqual([[], true, 0]);
  });

  it('says that it is away where it does not come back after 1012', async () => {
    follow();
    const begun = await began();
    gateway.greet = () => 1012;
    vi.useFakeTimers({ toFake: ['setTimeout'], shouldAdvanceTime: true });
    begun?.socket.close(1012);
    await expect
      .poll(async () => {
        await vi.advanceTimersByTimeAsync(500);
        return connected();
      })
      .toBe(false);
    // Left while it knocks, it would ask for its token in the middle of the next test. Its pause is one of the timers here.
    gateway.greet = () => 'ack';
    await expect
      .poll(async () => {
        await vi.advanceTimersByTimeAsync(500);
        return gateway.heard('subscribe').length;
      })
      .toBe(2);
    vi.useRealTimers();
  });

  it('comes back after 4403 with another token', async () => {
    gateway.greet = (_, times) => (times === 1 ? 4403 : 'ack');
    follow();
    await began();
    expect(session.state.stale).toEqual([undefined, 'token-1']);
  });

  it('does not come back after 4401: the session is over', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'], shouldAdvanceTime: true });
    gateway.greet = () => 4401;
    follow();
    await expect.poll(() => session.state.ended).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(gateway.heard('connection_init').length).toBe(1);
  });

  it.each([4400, 4429])('comes back after %i, which may pass, but not soon', async (code) => {
    vi.useFakeTimers({ toFake: ['setTimeout'], shouldAdvanceTime: true });
    gateway.greet = (_, times) => (times === 1 ? code : 'ack');
    follow();
    await expect.poll(() => gateway.heard('connection_init').length).toBe(1);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(gateway.heard('connection_init').length).toBe(1);
    await vi.advanceTimersByTimeAsync(4_000);
    vi.useRealTimers();
    await began();
    expect(session.state.ended).toBe(0);
  });
});
