/** The words on the command line are not what the command takes. Ends with 2. */
export class UsageError extends Error {
  override name = 'UsageError';
  readonly code = 'USAGE';
}

/** Why a command could not do what it was asked, with a stable code. Ends with 1. */
export class CliError extends Error {
  override name = 'CliError';
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The codes of what whoever runs a command can do something about. */
const OURS =
  /^(USAGE|CURSOR_EXPIRED|BAD_POSITION|NOT_RUNNING|(CONFIG|DATA|PORT|HOST|LOG|KEYS|COPY|TARGET|SERVER|BACKUP|TOKEN)_[A-Z_]+)$/;

/** An error of ours, or behind another, says by itself what is wrong and what to do. Of others the stack is told. */
export function textOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && OURS.test(String(at.code))) return `${String(at.code)}: ${at.message}`;
  }
  return (error instanceof Error ? error.stack : undefined) ?? String(error);
}
