import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import manifest from '../../package.json' with { type: 'json' };
import { type Config, asksHelp, helpText, isLoopback, readConfig } from './config.js';
import { startEmbedded } from './embedded.js';
import { openFolder } from './folder.js';
import { PortError, freePort } from './port.js';
import { ensureUi, uiIsBuilt } from './ui.js';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** The codes of what whoever starts the server can do something about. */
const OURS = /^(CONFIG|DATA|PORT|LOG|KEYS)_[A-Z_]+$/;

/** An error of ours, or behind another, says by itself what is wrong and what to do. Of others the stack is told. */
function textOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && OURS.test(String(at.code))) return `${String(at.code)}: ${at.message}`;
  }
  return (error instanceof Error ? error.stack : undefined) ?? String(error);
}

const tell = (error: unknown): void => {
  process.stderr.write(`${textOf(error)}\n`);
};

const fail = (error: unknown): void => {
  tell(error);
  process.exit(1);
};

/** `npm start`: opens the data folder, listens, and says where. */
async function main(config: Config): Promise<void> {
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

// What this process makes is nobody else's to read.
process.umask(0o077);

const words = process.argv.slice(2);
if (asksHelp(words)) {
  say(helpText());
} else {
  try {
    await main(readConfig(process.env, words));
  } catch (error) {
    fail(error);
  }
}
