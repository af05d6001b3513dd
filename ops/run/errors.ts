/** The words on the command line are not what the command takes. Ends with 2. */
export class UsageError extends Error {
  override name = 'UsageError';
  readonly code = 'USAGE';
}

/** Why a command could not do what it was asked, with a stable code, a server's too. Ends with 1. */
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

/** What went wrong, in a line for people who watch. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The codes of our errors. Those of Node, of SQLite and of Postgres stand for what nobody has foreseen. */
const OURS =
  /^(ANOTHER_LOG|USAGE|CURSOR_EXPIRED|BAD_POSITION|CLOCK_BEHIND|UNOWNED|NEWER_VIEW|NO_ANSWER|NO_REBUILD|NOT_HELD|NOT_PARKED|TOO_MANY_PARKED|(ACCOUNT|CHECKPOINT|COMMANDS?|CONFIG|DATA|DB|HOST|IDENTITY|KAFKA|KEYS?|LOG|PORT|PROJECTION|REBUILD|RETRY|SEAL|SESSIONS|SNAPSHOTS|STACK|TOKEN|UI|UNKNOWN)_[A-Z_]+)$/;

/** An error of ours, or behind another, says by itself what is wrong and what to do. Of others the stack is told. */
export function lastWordsOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && (at instanceof CliError || OURS.test(String(at.code))))
      return `${String(at.code)}: ${at.message}`;
  }
  return (error instanceof Error ? error.stack : undefined) ?? String(error);
}
