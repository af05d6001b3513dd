/** A key for AES-256: 32 bytes. */
export type Key = Uint8Array;

/**
 * Keys by key id (see `personKey`). They stand beside the log and are never rebuilt from it. All adapters live by one
 * contract suite. Every operation throws `KeysError` where the store cannot do its part.
 */
export type Keys = {
  /** The key of this id; made, and durable before it is returned, if there is none. Throws `KeyDestroyed`. */
  ensure(id: string): Promise<Key>;
  /** The keys of these ids; an id without a key, or with a destroyed one, is absent. One statement for all. */
  find(ids: readonly string[]): Promise<ReadonlyMap<string, Key>>;
  /** Destroys a key for ever: a tombstone stands in its place, and nothing makes it anew. */
  destroy(id: string): Promise<void>;
  close(): Promise<void>;
};

/** All keys of a store by their ids; null for those that were destroyed. */
export type KeyMap = ReadonlyMap<string, Key | null>;

/** A store into which the keys of another one can be taken. */
export type RoomyKeys = Keys & {
  all(): Promise<KeyMap>;
  /**
   * Takes in keys under the ids that they have elsewhere, in pages; what is there already stays. What is destroyed on either
   * side is destroyed then. May be done again. Throws KEYS_TAKEN where another key has an id; of its page nothing is in.
   */
  put(keys: KeyMap): Promise<void>;
};

export class KeyDestroyed extends Error {
  override name = 'KeyDestroyed';
  readonly code = 'KEY_DESTROYED';
  constructor(readonly id: string) {
    super(`the key ${id} was destroyed: what was sealed with it is erased`);
  }
}

/**
 * What a key store cannot do, and why. KEYS_LOCKED: keys are wrapped under a master key that is not given. KEYS_LEFT: keys
 * were wrapped anew, but their old bytes are still on the disk. KEYS_CORRUPT: what is stored is not what was written.
 * KEYS_TAKEN: another key
 * has an id already. KEYS_UNAVAILABLE: it cannot be read or written now, as on a full disk; nothing was changed.
 */
export class KeysError extends Error {
  override name = 'KeysError';
  constructor(
    readonly code: 'KEYS_LOCKED' | 'KEYS_LEFT' | 'KEYS_CORRUPT' | 'KEYS_TAKEN' | 'KEYS_UNAVAILABLE',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
