import type { Dice } from '../../ops/chaos/simulation/dice.js';
import { nested, randomJson, randomText } from './values-testing.js';

/** What somebody may send on a socket who has not read the protocol, or has. `token` is a good one. */
export function wildFrame(dice: Dice, token: string): string | Buffer {
  const id = dice.pick<unknown>([
    '1',
    '2',
    '',
    '__proto__',
    'constructor',
    7,
    null,
    'i'.repeat(200),
    randomJson(dice, 1),
  ]);
  const query = dice.pick(['{ viewer { roles } }', 'subscription { inbox { complete } }', '{ viewer {', '']);
  const payload = dice.pick<() => unknown>([
    () => ({ query }),
    () => ({
      query,
      variables: randomJson(dice, 3),
      extensions: randomJson(dice, 1),
      operationName: randomJson(dice, 0),
    }),
    () => ({ query: randomJson(dice, 1) }),
    () => ({ query: '', documentId: randomJson(dice, 1) }),
    () => ({ authorization: randomText(dice) }),
    () => ({ authorization: `Bearer ${token}` }),
    () => randomJson(dice, 3),
  ])();
  const type = dice.pick<unknown>([
    'connection_init',
    'connection_ack',
    'ping',
    'ping',
    'pong',
    'subscribe',
    'subscribe',
    'subscribe',
    'next',
    'error',
    'complete',
    'start',
    '__proto__',
    randomJson(dice, 1),
  ]);
  if (dice.chance(0.7)) return JSON.stringify(dice.chance(0.9) ? { id, type, payload } : { type, payload });
  return dice.pick<() => string | Buffer>([
    () => JSON.stringify(randomJson(dice, 3)),
    () => randomText(dice),
    () => Buffer.from(dice.bytes(dice.int(0, 60))),
    () => JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }).slice(0, dice.int(1, 60)),
    () =>
      `{"id":"1","type":"subscribe","payload":{"query":"{ viewer { roles } }","variables":${nested(dice.int(1, 5_000))}}}`,
    () => `{"type":"ping","payload":{"x":${nested(dice.int(1, 5_000))}}}`,
  ])();
}

/** A token as somebody may make it up from a good one. */
export function wildToken(dice: Dice, token: string): string {
  const parts = token.split('.');
  const forged = (claims: unknown): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
  return dice.pick<() => string>([
    () => token.slice(0, dice.int(0, token.length)),
    () =>
      token
        .split('')
        .with(dice.int(0, token.length - 1), dice.pick(['.', '-', 'A', '=', '%', 'z']))
        .join(''),
    () => [forged(randomJson(dice, 2)), parts[1], parts[2]].join('.'),
    () => [parts[0], forged(randomJson(dice, 3)), parts[2]].join('.'),
    () =>
      [forged({ alg: dice.pick(['none', 'HS256', 'RS512', 'RS256']), kid: randomJson(dice, 1) }), parts[1], ''].join(
        '.',
      ),
    () => [parts[1], parts[0], parts[2]].join('.'),
    () => Buffer.from(dice.bytes(dice.int(0, 200))).toString('base64url'),
    () => 'a.'.repeat(dice.int(1, 500)),
  ])();
}
