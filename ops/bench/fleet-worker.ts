import { readConfig } from '../run/config.js';
import { startFleet } from '../run/fleet.js';
import { freePort } from '../run/port.js';
import { withFolder } from './writeside.js';

// One process of a fleet, as its environment says, for a bench: with an empty page, which nobody has to build. It tells its
// parent where it is when it is ready, and its CPU time whenever it is asked anything; SIGTERM stops it in order.

const fail = (error: unknown): never => {
  console.error(error);
  process.exit(1);
};

await withFolder(async (folder) => {
  const { fleet, ...config } = readConfig(process.env, {});
  if (!fleet) throw new Error('the environment names no brokers, so this is no process of a fleet');
  const [{ port }, ops] = await Promise.all([freePort('127.0.0.1', 0), freePort('127.0.0.1', 0)]);
  const publicUrl = `http://localhost:${port}`;
  const running = await startFleet({
    ...config,
    fleet,
    port,
    publicUrl,
    opsPort: ops.port,
    page: { folder, built: Promise.resolve() },
    say: (line) => console.error(`${fleet.roles.join()}: ${line}`),
    onFailure: fail,
  });
  const told = new Promise<void>((resolve) => process.once('SIGTERM', resolve));
  // Whoever measures is gone.
  process.once('disconnect', () => process.exit(1));
  await running.ready;
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  process.send?.(publicUrl);
  await told;
  await running.stop();
}).catch(fail);
process.exit(0);
