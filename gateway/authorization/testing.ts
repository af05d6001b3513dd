import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { core } from '../../projections/readmodel/core/core.js';
import { type Harness, startHarness } from '../testing.js';

// How the people of the table ask a running server, each with a token of their own.

const roles: ReadonlyMap<string, readonly string[]> = new Map([
  ['analyst', ['user', 'analyst']],
  ['ops', ['user', 'ops']],
]);

export const rolesOf = (who: string): readonly string[] => roles.get(who) ?? ['user'];
export const emailOf = (who: string): string => `${who}@example.org`;

/** What the server is made to do badly, so that there is something to see. */
export type Spoiled = {
  /** A stream that the core view refuses to take in. */
  stream: string | undefined;
  /** Commands that are not answered. */
  readonly unanswered: Set<string>;
};

export const startSpoiled = (spoiled: Spoiled): Promise<Harness> =>
  startHarness({
    core: {
      ...core,
      apply: async (events, stage) => {
        if (events.some(({ event }) => event.stream === spoiled.stream)) throw new Error('not this one');
        return core.apply(events, stage);
      },
    },
    commands: (real) => ({
      send: async (draft) =>
        spoiled.unanswered.has(draft.id) ? { status: 'pending', command: draft.id } : real.send(draft),
    }),
  });

/** What somebody gets: an answer, or a refusal. */
export type Got = { readonly data: unknown } | { readonly code: string };

/** What stands under a name, or a number, in what came as JSON. */
export const under = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(name) : undefined;

const gotOf = (answer: unknown): Got => {
  const code = under(under(under(under(answer, 'errors'), '0'), 'extensions'), 'code');
  return typeof code === 'string' ? { code } : { data: under(answer, 'data') };
};

const claimsOf = (who: string) => ({ claims: { roles: rolesOf(who), email: emailOf(who) } });

/** Asks over POST. */
export async function ask(harness: Harness, who: string, query: string, variables: object = {}): Promise<Got> {
  if (who !== 'nobody') return gotOf(await harness.ask(who, query, variables, claimsOf(who)));
  const response = await fetch(`${harness.publicUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return gotOf(await response.json());
}

/** Subscribes over a socket of their own, up to the first update that is wanted. */
export async function follow(
  harness: Harness,
  who: string,
  query: string,
  wanted: (data: unknown) => boolean,
): Promise<Got> {
  const authorization = who === 'nobody' ? undefined : `Bearer ${await harness.token(who, claimsOf(who))}`;
  const client = createClient({
    url: `${harness.publicUrl.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: authorization === undefined ? {} : { authorization },
  });
  try {
    return await new Promise<Got>((resolve, reject) => {
      client.subscribe(
        { query },
        {
          next: (answer) => {
            const got = gotOf(answer);
            if ('code' in got || wanted(got.data)) resolve(got);
          },
          error: (error) => {
            const code = codeOf(error);
            if (code === undefined) reject(error);
            else resolve({ code });
          },
          complete: () => reject(new Error(`${query} ended for ${who}`)),
        },
      );
    });
  } finally {
    await client.dispose();
  }
}

/** The code of a refusal: of an operation its own, of a socket the word that its closing begins with. */
function codeOf(error: unknown): string | undefined {
  const got = gotOf({ errors: error });
  if ('code' in got) return got.code;
  const reason = typeof error === 'object' && error !== null && 'reason' in error ? error.reason : undefined;
  return /^([A-Z_]+):/.exec(String(reason))?.[1];
}
