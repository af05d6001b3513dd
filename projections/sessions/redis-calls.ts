import { PATIENCE, type Servers, slotOf } from './redis-connect.js';
import { SessionsError } from './sessions.js';

/** More than that on its way to Redis at once, and the next is dropped. */
const MOST_ON_THE_WAY = 10_000;

/** Whether a server that was slow to fail is left alone, may be tried by one, or is being tried by one. */
type Rest = 'rests' | 'due' | 'tried';

export type Calls = ReturnType<typeof createCalls>;

/**
 * Calls that end in bounded time. Nothing waits for a server that is away; where one stands still, it is found out by
 * those who have asked, and from then on by one at a time, so that the others are not held up.
 */
export function createCalls({ client, address, of }: Servers, trouble: (error: unknown) => void) {
  const poor = new Map<string, Rest>();
  let onTheWay = 0;
  const away = (cause?: unknown): SessionsError =>
    new SessionsError('SESSIONS_UNAVAILABLE', `Redis does not answer at ${address}. Try again in a moment.`, { cause });

  const rest = (server: string): void => {
    if (poor.get(server) === 'rests') return;
    poor.set(server, 'rests');
    setTimeout(() => {
      if (poor.get(server) === 'rests') poor.set(server, 'due');
    }, PATIENCE).unref();
  };

  const inTime = async <T>(question: () => Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(away()), 2 * PATIENCE);
    });
    try {
      return await Promise.race([question(), late]);
    } finally {
      clearTimeout(timer);
    }
  };

  /** Asks about a key. Rejects with SESSIONS_UNAVAILABLE, after 2 × PATIENCE at the latest. */
  const ask = async <T>(key: string, question: () => Promise<T>): Promise<T> => {
    const server = of(slotOf(key)) ?? '';
    const before = poor.get(server);
    // The client would put it in a queue.
    if (client.status !== 'ready' || before === 'rests' || before === 'tried') throw away();
    if (before === 'due') poor.set(server, 'tried');
    const begun = performance.now();
    try {
      const answer = await inTime(question);
      poor.delete(server);
      return answer;
    } catch (error) {
      if (performance.now() - begun > PATIENCE / 2) rest(server);
      else poor.delete(server);
      throw error instanceof SessionsError ? error : away(error);
    }
  };

  /** Asks, and answers for Redis where that does not. */
  const askOr = <T>(otherwise: T, key: string, question: () => Promise<T>): Promise<T> =>
    ask(key, question).catch((error: unknown) => {
      trouble(error);
      return otherwise;
    });

  /** Tells Redis, if it is there: undefined where it is not known whether it has heard. Never rejects. */
  const tell = async <T>(key: string, word: () => Promise<T>): Promise<T | undefined> => {
    if (onTheWay >= MOST_ON_THE_WAY) {
      const message = `More than ${MOST_ON_THE_WAY} are on their way to Redis at ${address}: the next are dropped.`;
      trouble(new SessionsError('SESSIONS_UNAVAILABLE', message));
      return undefined;
    }
    onTheWay += 1;
    return askOr<T | undefined>(undefined, key, word).finally(() => {
      onTheWay -= 1;
    });
  };

  return { ask, askOr, tell, away };
}
