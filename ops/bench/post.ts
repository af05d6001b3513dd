import { Agent, request } from 'node:http';
import { type Figure, median, scaled } from './figure.js';
import { type GatewayProcess, awake, withGateway } from './gateway-process.js';
import { withFolder } from './writeside.js';

const ROUNDS = 7;
const REQUESTS = 3_000;
const CONNECTIONS = 16;

type Side = { readonly url: string; readonly authorization: string; readonly query: string };

/**
 * What one GraphQL POST costs the server: a small query with a token, whose answer needs no database. Beside it plain hono
 * on the same server stack, which parses the same body and answers the same JSON. CPU time of the server's process, in
 * interleaved rounds. The page's own first query, which asks the read models, is shown too.
 */
export const post = (scale: number): Promise<readonly Figure[]> =>
  withFolder((folder) =>
    withGateway(folder, async (gateway) => {
      const { url, bareUrl, authorizations } = gateway;
      const [authorization = ''] = authorizations;
      const small = { authorization, query: '{ viewer { roles } }' };
      const sides = {
        ours: { ...small, url },
        bare: { ...small, url: bareUrl },
        page: { authorization, url, query: 'query Viewer { viewer { user { id name } } }' },
      };
      const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
      const rounds: { ours: number; bare: number; page: number }[] = [];
      for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
        const round = async (side: Side): Promise<number> => cpuOf(gateway, agent, side, scaled(REQUESTS, scale));
        const measured = {
          bare: await round(sides.bare),
          ours: await round(sides.ours),
          page: await round(sides.page),
        };
        // The first is a warm-up.
        if (n > 0) rounds.push(measured);
      }
      agent.destroy();
      const ratio = median(rounds.map(({ ours, bare }) => ours / bare));
      return [
        { metric: 'CPU time of a small query', value: median(rounds.map(({ ours }) => ours)), unit: 'µs' },
        { metric: 'CPU time of plain hono', value: median(rounds.map(({ bare }) => bare)), unit: 'µs' },
        { metric: 'CPU time of a query with one statement', value: median(rounds.map(({ page }) => page)), unit: 'µs' },
        { metric: 'CPU time, against plain hono', value: ratio, unit: '×', goal: 2, better: 'lower' },
      ];
    }),
  );

/** The server's CPU time for each of some requests, in µs. */
async function cpuOf(gateway: GatewayProcess, agent: Agent, side: Side, count: number): Promise<number> {
  const before = await gateway.cpu();
  let left = count;
  const line = async (): Promise<void> => {
    while (left-- > 0) await ask(agent, side);
  };
  await awake(() => Promise.all(Array.from({ length: CONNECTIONS }, line)));
  return ((await gateway.cpu()) - before) / count;
}

/** One request. Throws where the answer is not a result without errors. */
function ask(agent: Agent, { url, authorization, query }: Side): Promise<void> {
  const body = JSON.stringify({ query });
  return new Promise((resolve, reject) => {
    const headers = {
      authorization,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const asked = request(`${url}/graphql`, { agent, method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200 && text.startsWith('{"data":{"viewer":{')) resolve();
        else reject(new Error(`${response.statusCode}: ${text}`));
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
