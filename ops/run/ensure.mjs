// Runs before `npx verbatim …`, `npm start` and `npm test`: looks whether Node is new enough and whether what
// package-lock.json names is installed, and installs it if not. It needs no package itself and keeps to old syntax, so
// that an old Node still gets as far as the message. A second run reads two small files and needs no network.
import { createHash } from 'crypto';
import { spawnSync } from 'child_process';
import { readFileSync, writeFileSync } from 'fs';
import { fileURLToPath } from 'url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const stampFile = root + 'node_modules/.verbatim.json';
const dev = process.argv.indexOf('--dev') !== -1;

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  fail('Verbatim needs Node.js 20.19 or newer; this is ' + process.version + '. Get a newer one from nodejs.org.');
}

const lockText = readFileSync(root + 'package-lock.json', 'utf8');
const wanted = {
  lock: createHash('sha256').update(lockText).digest('hex'),
  node: process.version,
  platform: process.platform,
  arch: process.arch,
};

/** What is installed for this Node and machine: 'dev' has everything, 'prod' what runs, undefined is not up to date. */
function installed(stamp) {
  const here = !stamp || ['node', 'platform', 'arch'].every((key) => stamp[key] === wanted[key]);
  if (!here) return undefined;
  if (stamp && stamp.lock === wanted.lock) return stamp.dev ? 'dev' : 'prod';
  // Somebody ran npm by hand: npm's own record, written when it is done, says what it put there.
  const record = readJson(root + 'node_modules/.package-lock.json');
  if (!record) return undefined;
  const lock = JSON.parse(lockText);
  const missing = Object.keys(lock.packages).filter((name) => {
    const there = record.packages[name];
    return name !== '' && (there ? there.version !== lock.packages[name].version : !lock.packages[name].optional);
  });
  if (missing.length === 0) return 'dev';
  return missing.every((name) => !record.packages[name] && isDev(lock.packages[name])) ? 'prod' : undefined;
}

function isDev(entry) {
  return Boolean(entry.dev || entry.devOptional);
}

function stampAs(mode) {
  writeFileSync(stampFile, JSON.stringify(Object.assign({ dev: mode === 'dev' }, wanted)));
}

const stamp = readJson(stampFile);
const found = installed(stamp);
if (found === 'dev' || (found === 'prod' && !dev)) {
  if (!stamp || stamp.lock !== wanted.lock) stampAs(found);
} else {
  const npm = process.env.npm_execpath;
  if (!npm || !/npm-cli\.c?js$/.test(npm)) {
    fail('The packages that Verbatim needs are not installed. Run `npm ci` once, or start with `npm start`.');
  }
  // Who had the tools for development keeps them.
  const mode = dev || (stamp && stamp.dev) ? 'dev' : 'prod';
  // Not where a command writes what it found.
  console.error('Installing what Verbatim needs (only when it has changed; about half a minute) …');
  const options = ['--no-audit', '--no-fund', '--loglevel=error'].concat(mode === 'prod' ? '--omit=dev' : []);
  const ran = spawnSync(process.execPath, [npm, 'ci'].concat(options), {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (ran.status !== 0) {
    fail('npm could not install the packages; its message is above. With a network, run the same command again.');
  }
  stampAs(mode);
}
