/** The clock is behind the log: what would be stamped now were older than what is there. */
export class ClockBehind extends Error {
  override name = 'ClockBehind';
  readonly code = 'CLOCK_BEHIND';
  constructor(last: string) {
    super(`the clock is behind the log, whose last time is ${last}: set it right, then start again`);
  }
}
