/** Keeps a text over a reload, or forgets it where it is empty. A storage that is full or forbidden costs only that. */
export function remember(storage: Storage, key: string, text: string): void {
  try {
    if (text === '') storage.removeItem(key);
    else storage.setItem(key, text);
  } catch {
    // The page itself still has it.
  }
}
