import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LOGOUT_PATH } from './identity/backchannel.js';
import { openRaw, openSignedIn, runOn } from './raw-testing.js';
import { type Harness, startHarness } from './testing.js';

/** How long a command takes, in ms. */
let slow = 0;
/** How many commands have come. */
let sent = 0;
let harness: Harness;
beforeEach(async () => {
  slow = 0;
  sent = 0;
  harness = await startHarness({
    commands: (real) => ({
      ...real,
      send: async (draft) => {
        sent += 1;
        await sleep(slow);
        return real.send(draft);
      },
    }),
  });
  await harness.ask('ana', '{ viewer { roles } }');
  sent = 0;
}, 60_000);
afterEach(() => harness.stop());

const RENAME = `mutation ($input: ConversationRenameInput!) { conversationRename(input: $input) { __typename } }`;
/** A command that is answered, if with a refusal: there is no such conversation. */
const rename = () => ({
  input: { commandId: harness.newId('ana'), conversation: `conversation_${harness.newId('ana')}`, title: 'Slow' },
});
const REFUSED = { data: { conversationRename: { __typename: 'Rejected' } } };

const ready = async (url: string): Promise<unknown> => {
  const response = await fetch(`${url}/readyz`);
  return [response.status, await response.json()];
};
const DRAINING = [503, { product: 'verbatim', ready: false, draining: true, waitingFor: [] }];

it('is not ready any more, refuses what is new, answers what is under way, and lets sockets go one by one', async () => {
  const sockets = await Promise.all(Array.from({ length: 8 }, () => openSignedIn(harness, 'ana')));
  const [first, last] = [sockets[0], sockets.at(-1)];
  if (!first || !last) throw new Error('no socket is open');
  slow = 500;
  const underWay = harness.ask('ana', RENAME, rename());
  await expect.poll(() => sent).toBe(1);
  const drained = harness.drain(3_000);

  expect(await ready(harness.publicUrl)).toEqual(DRAINING);
  expect(await ready(harness.opsUrl)).toEqual(DRAINING);
  const response = await fetch(`${harness.publicUrl}/graphql`, { method: 'POST', body: '{}' });
  expect([response.status, response.headers.get('retry-after'), response.headers.get('connection')]).toEqual([
    503,
    '1',
    'close',
  ]);
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] });
  await expect(openRaw(harness)).rejects.toThrow(/503/);
  const upgrade = httpRequest(`${harness.publicUrl}/graphql`, {
    headers: { connection: 'Upgrade', upgrade: 'websocket' },
  }).end();
  const [refusal] = await once(upgrade, 'response');
  expect(refusal.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
  refusal.resume();

  expect(await underWay).toMatchObject({ status: 200, ...REFUSED });
  await first.closed;
  // While the others are still served.
  expect(await runOn(last, '1', { query: '{ viewer { roles } }' })).toHaveProperty('data');
  await drained;
  expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual(
    sockets.map(() => ({ code: 1012, reason: expect.stringContaining('restarting') })),
  );
  await expect(fetch(`${harness.publicUrl}/healthz`)).rejects.toThrow('fetch failed');
});

it('answers what is under way on a socket before it closes it, without a window too', async () => {
  const raw = await openSignedIn(harness, 'ana');
  slow = 500;
  const answer = runOn(raw, '1', { query: RENAME, variables: rename() });
  await expect.poll(() => sent).toBe(1);
  await harness.drain(0);
  expect(await answer).toEqual(REFUSED);
  expect((await raw.closed).code).toBe(1012);
});

it('hears of a logout, and cuts off whose it is, while it serves sockets still', async () => {
  await openSignedIn(harness, 'ana');
  const raw = await openSignedIn(harness, 'ana', { claims: { sid: 'mine' } });
  // The second one goes half of it later.
  void harness.drain(3_600_000);
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const claims = { iat: Math.floor(Date.now() / 1_000), jti: 'a logout', sid: 'mine', events };
  const response = await fetch(`${harness.publicUrl}${LOGOUT_PATH}`, {
    method: 'POST',
    body: new URLSearchParams({ logout_token: await harness.token('ana', { audience: 'verbatim-ui', claims }) }),
  });
  expect(response.status).toBe(200);
  expect((await raw.closed).reason).toContain('SESSION_ENDED');
});
