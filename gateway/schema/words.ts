/** Of every `after` that is a position. */
export const FRESH = 'Wait until the view shows this position, 2 s at most; `stale` says if it still does not.';

/** Of every `stale`. */
export const STALE =
  'Whether this may not show `after` yet: the wait for it ran out of time, or the view refuses an event that came before.';

/** What stands where a text was erased: its key is gone. */
export const ERASED = '[deleted]';

/** Of the one argument of a mutation. */
export const INPUT = 'What to do, and the id under which it is done once.';
