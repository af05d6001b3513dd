import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import manifest from '../../package.json' with { type: 'json' };
import { type Config, isLoopback } from './config.js';
import { startEmbedded } from './embedded.js';
import { lastWordsOf } from './errors.js';
import { openFolder } from './folder.js';
import { PortError, freePort } from './port.js';
import { ensureUi, uiIsBuilt } from './ui.js';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const fail = (error: unknown): void => {
  process.stderr.write(`${lastWordsOf(error)}\n`);
  process.exit(1);
};

/** Opens the data folder, listens, and says where. Resolves when all is ready; the process then runs until it is told to stop. */
export async function start(config: Config): Promise<void> {
  const begun = performance.now();
  const folder = openFolder(config.data);
  const { port, busy } = await freePort(config.host, config.port);
  if (busy && config.publicUrl) {
    // Whoever named a public address has something in front that knows this port.
    throw new PortError('PORT_BUSY', `${busy} PUBLIC_URL is set, so no other port is taken: free it, or name another.`);
  }
  if (busy) say(busy);
  const ops = await freePort('127.0.0.1', config.opsPort ?? port + 1);
  const publicUrl = config.publicUrl ?? `http://localhost:${port}`;
  const firstCode = isLoopback(config.host) ? undefined : String(randomInt(1e7, 1e8));

  if (!uiIsBuilt()) say('Building the page (once) …');
  const built = ensureUi();
  built.catch(fail);
  const running = await startEmbedded({
    ...config,
    folder,
    port,
    opsPort: ops.port,
    publicUrl,
    firstCode,
    page: { folder: fileURLToPath(new URL('../../ui/dist', import.meta.url)), built },
    say,
    onFailure: fail,
  });

  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1); // Asked twice: at once, then. Nothing acknowledged is lost by it.
    stopping = true;
    running
      .stop()
      .then(() => {
        folder.close();
        process.exit(0);
      })
      .catch(fail);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);

  await running.ready;
  const took = ((performance.now() - begun) / 1_000).toFixed(1);
  say(`\n  Verbatim ${manifest.version} is ready at ${publicUrl} (in ${took} s)`);
  say(`  Data in ${folder.path}; metrics at http://127.0.0.1:${running.opsPort}/metrics; Ctrl+C stops it.\n`);
  if (firstCode !== undefined) say(`  The first account needs this one-time code: ${firstCode}\n`);
}
