import { remember } from './remember.js';

/**
 * What is sent. Its ids stay the same however often it is sent, so that it is done once; `start` says that it begins its
 * conversation.
 */
export type Post = {
  readonly commandId: string;
  readonly message: string;
  readonly reply: string;
  readonly parent: string | null;
  readonly text: string;
  readonly fork: boolean;
  readonly start: boolean;
};

/** The post of a conversation that nobody has answered yet. It outlives a reload of this tab, and goes with the tab. */
export type Outbox = {
  read(): Post | undefined;
  keep(post: Post): void;
  clear(): void;
};

export function openOutbox(conversation: string, storage: Storage): Outbox {
  const key = `verbatim.unsent.${conversation}`;
  return {
    read: () => {
      const stored = storage.getItem(key);
      return stored === null ? undefined : JSON.parse(stored);
    },
    keep: (post) => remember(storage, key, JSON.stringify(post)),
    clear: () => storage.removeItem(key),
  };
}
