import { createHash, timingSafeEqual } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { PositionError } from '../../commands/client/position.js';
import type { Log } from '../../commands/log/log.js';
import { OperationError } from '../../projections/wishes.js';
import { CliError, UsageError } from '../run/errors.js';
import { FolderError } from '../run/folder.js';
import type { Backup } from './backup.js';
import { planReplay, replay } from './replay.js';
import { type Given, readSelection, selectionNames } from './selection.js';
import { type ViewRoutesOptions, viewRoutes } from './views.js';

export type OperatorRoutesOptions = ViewRoutesOptions & {
  readonly log: Log;
  readonly token: string;
  /** Copies all that is kept to a path. Absent in a fleet, whose systems each have a way of their own. */
  readonly backUp?: (target: string) => Promise<Backup>;
};

/**
 * What the command line asks of a running server, on the operators' port: `GET /log`, NDJSON; `POST /backup`, to a path
 * on this machine; and what `viewRoutes` knows. All of it wants the token. Errors are `{ code, message }`.
 */
export function operatorRoutes(options: OperatorRoutesOptions): Hono {
  const { log, token, backUp } = options;
  const app = new Hono();
  const expected = digest(`Bearer ${token}`);
  let copying = false;

  app.on(['GET', 'POST'], guarded, async (c, next) => {
    if (timingSafeEqual(digest(c.req.header('authorization') ?? ''), expected)) return next();
    const message =
      'Send the token as "Authorization: Bearer …": it stands in the file ops.token of the data folder, or is the OPS_TOKEN of the fleet.';
    return c.json({ code: 'TOKEN_INVALID', message }, 401);
  });

  app.get('/log', async (c) => {
    const given: Given = {};
    for (const name of selectionNames) {
      const value = c.req.query(name);
      if (value !== undefined) given[name] = value;
    }
    const stop = new AbortController();
    const lines = replay(await planReplay(log, readSelection(given)), stop.signal);
    return c.body(streamOf(lines, stop), 200, { 'content-type': 'application/x-ndjson' });
  });

  app.post('/backup', async (c) => {
    const target = c.req.query('to');
    if (!target) throw new UsageError('Say where to: POST /backup?to=<folder>.');
    if (!backUp) {
      const message =
        'There is no data folder here. Back up Kafka, then the schema of the keys in Postgres, by their own means.';
      throw new CliError('NO_DATA_FOLDER', message);
    }
    if (copying) throw new CliError('BACKUP_RUNNING', 'A backup is being made already. Wait for its end.');
    copying = true;
    try {
      return c.json(await backUp(target));
    } finally {
      copying = false;
    }
  });

  app.route('/', viewRoutes(options));
  app.onError(refusal);
  return app;
}

/** What is closed to whoever does not know the token. */
const guarded = ['/log', '/backup', '/lag', '/dead-letters', '/dead-letters/*', '/rebuild', '/rebuild/*'];

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Asked for line by line: what the reader has not taken is not read from the log. A reader who leaves ends it. */
function streamOf(lines: AsyncGenerator<string>, stop: AbortController): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: () => stop.abort(),
  });
}

function refusal(error: Error, c: Context): Response {
  const ours =
    error instanceof UsageError ||
    error instanceof PositionError ||
    error instanceof CliError ||
    error instanceof OperationError ||
    error instanceof FolderError;
  return ours
    ? c.json({ code: error.code, message: error.message }, 400)
    : c.json({ code: 'FAILED', message: error.message }, 500);
}
