import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import manifest from '../../package.json' with { type: 'json' };
import { type Config, isLoopback } from './config.js';
import { startEmbedded } from './embedded.js';
import { lastWordsOf } from './errors.js';
import type { FleetConfig } from './fleet-config.js';
import { openFolder } from './folder.js';
import { PortError, freePort } from './port.js';
import { whenToldToStop } from './signals.js';
import { ensureUi, uiIsBuilt } from './ui.js';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const fail = (error: unknown): void => {
  process.stderr.write(`${lastWordsOf(error)}\n`);
  process.exit(1);
};

let isStopping = (): boolean => false;

/** Ends the process over what it cannot go on with. Much fails where it stops already: a build of the page hears Ctrl+C, too. */
const giveUp = (error: unknown): void => {
  if (!isStopping()) fail(error);
};

/** Waits until it is ready. False where it stops before. */
async function arrives({ ready }: { readonly ready: Promise<void> }): Promise<boolean> {
  await ready.catch(giveUp);
  return !isStopping();
}

/** Runs what the settings say. Resolves when all is ready; the process then runs until it is told to stop. */
export const start = ({ fleet, ...config }: Config): Promise<void> =>
  fleet ? startRoles(config, fleet) : startProduct(config);

type Settings = Omit<Config, 'fleet'>;

/** The port to listen on for people, and the address by which they come. */
async function portFor({ host, port: wanted, publicUrl }: Settings): Promise<{ port: number; publicUrl: string }> {
  const { port, busy } = await freePort(host, wanted);
  if (busy && publicUrl) {
    // Whoever named a public address has something in front that knows this port.
    throw new PortError('PORT_BUSY', `${busy} PUBLIC_URL is set, so no other port is taken: free it, or name another.`);
  }
  if (busy) say(busy);
  return { port, publicUrl: publicUrl ?? `http://localhost:${port}` };
}

function buildPage() {
  if (!uiIsBuilt()) say('Building the page (once) …');
  const built = ensureUi();
  built.catch(giveUp);
  return { folder: fileURLToPath(new URL('../../ui/dist', import.meta.url)), built };
}

/** Has the process end when it is told to: first what runs, and then `last`. */
function stopWhenTold(running: { stop(): Promise<void> }, last = (): void => undefined): void {
  const stop = (): void => {
    running
      .stop()
      .then(() => {
        last();
        process.exit(0);
      })
      .catch(fail);
  };
  // Asked twice: at once, then. Nothing acknowledged is lost by it.
  isStopping = whenToldToStop(stop, () => process.exit(1));
}

/** One process of a fleet. */
async function startRoles(config: Settings, fleet: FleetConfig): Promise<void> {
  const serves = fleet.roles.includes('gateway');
  const { port, publicUrl } = serves ? await portFor(config) : { port: config.port, publicUrl: '' };
  const ops = await freePort(fleet.opsHost, config.opsPort ?? port + 1);
  // Loaded only here: the embedded product needs nothing of it.
  const { startFleet } = await import('./fleet.js');
  const running = await startFleet({
    ...config,
    fleet,
    port,
    publicUrl,
    opsPort: ops.port,
    page: serves ? buildPage() : undefined,
    say,
    onFailure: giveUp,
  });
  stopWhenTold(running);
  if (!(await arrives(running))) return;
  const where = serves ? ` at ${publicUrl}` : '';
  say(`Verbatim ${manifest.version}, ${fleet.roles.join(', ')}, is ready${where}; metrics on port ${running.opsPort}.`);
}

/** The whole product in this process: opens the data folder, listens, and says where. */
async function startProduct(config: Settings): Promise<void> {
  const begun = performance.now();
  const folder = openFolder(config.data);
  const { port, publicUrl } = await portFor(config);
  const ops = await freePort('127.0.0.1', config.opsPort ?? port + 1);
  const firstCode = isLoopback(config.host) || config.oidc ? undefined : String(randomInt(1e7, 1e8));
  const running = await startEmbedded({
    ...config,
    folder,
    port,
    opsPort: ops.port,
    publicUrl,
    firstCode,
    page: buildPage(),
    say,
    onFailure: giveUp,
  });
  stopWhenTold(running, folder.close);
  if (!(await arrives(running))) return;
  const took = ((performance.now() - begun) / 1_000).toFixed(1);
  say(`\n  Verbatim ${manifest.version} is ready at ${publicUrl} (in ${took} s)`);
  say(`  Data in ${folder.path}; metrics at http://127.0.0.1:${running.opsPort}/metrics; Ctrl+C stops it.\n`);
  if (firstCode !== undefined) say(`  The first account needs this one-time code: ${firstCode}\n`);
}
