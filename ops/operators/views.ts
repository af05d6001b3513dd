import { type Context, Hono } from 'hono';
import { limits } from '../../domain/content.js';
import type { Operations, Rebuilds } from '../../projections/operations.js';
import { CliError, UsageError } from '../run/errors.js';

/** What an operator asked for: `rebuild`, `cancel rebuild`, `switch`, `retry`; to what; and why. */
export type OperatorAction = { readonly action: string; readonly target: string; readonly reason: string };

export type ViewRoutesOptions = {
  readonly operations: Operations & Rebuilds;
  /** Records in the audit what is asked for. False where it could not be recorded. */
  readonly record: (action: OperatorAction) => Promise<boolean>;
};

/**
 * The views: `GET /lag`, `GET /dead-letters` and `POST /dead-letters/retry?view=&stream=`; `GET /rebuild?view=` tells how
 * far one is, `POST /rebuild?view=` begins one, and `/rebuild/cancel` and `/rebuild/switch?phase=` end it. Answers are JSON.
 * What changes anything takes a `reason`, and is recorded in the audit before it is done.
 */
export function viewRoutes({ operations, record }: ViewRoutesOptions): Hono {
  const app = new Hono();

  /**
   * Has something recorded and does it. First the record: what is only done later, after there was no answer, or whose
   * process dies on the way, would never be in the audit.
   */
  const act = async (c: Context, action: string, more: string, work: (view: string) => Promise<void>) => {
    const view = required(c, 'view');
    const reason = reasonOf(c.req.query('reason'));
    // Throws where there is no such view: of that nothing is recorded.
    await operations.rebuilding(view);
    const target = view + more;
    if (!(await record({ action, target, reason }))) {
      const message =
        'Nothing is done, as it cannot be recorded in the audit of operators: the write side does not answer. See /readyz.';
      throw new CliError('AUDIT_FAILED', message);
    }
    await work(view);
    return c.json({});
  };

  app.get('/lag', async (c) => c.json(await operations.lag()));
  app.get('/dead-letters', async (c) => c.json(await operations.parked()));
  app.post('/dead-letters/retry', (c) => {
    const stream = required(c, 'stream');
    return act(c, 'retry', ` ${stream}`, (view) => operations.retry(view, stream));
  });

  app.get('/rebuild', async (c) => c.json((await operations.rebuilding(required(c, 'view'))) ?? null));
  app.post('/rebuild', (c) => act(c, 'rebuild', '', operations.rebuild));
  app.post('/rebuild/cancel', (c) => act(c, 'cancel rebuild', '', operations.cancel));
  app.post('/rebuild/switch', (c) => {
    const phase = required(c, 'phase');
    if (phase !== 'kept' && phase !== 'different') throw new UsageError('The phase is kept or different.');
    return act(c, 'switch', `, ${phase}`, (view) => operations.switchTo(view, phase));
  });
  return app;
}

function required(c: Context, name: string): string {
  const value = c.req.query(name);
  if (!value) throw new UsageError(`Say which ${name}: ?${name}=…`);
  return value;
}

function reasonOf(given: string | undefined): string {
  const reason = given?.trim() || 'no reason given';
  if (reason.length > limits.note) throw new UsageError(`The reason has at most ${limits.note} characters.`);
  return reason;
}
