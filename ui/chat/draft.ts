import { type Accessor, createEffect, createSignal } from 'solid-js';
import { remember } from '../state/remember.js';

/** What is written and not sent yet. It outlives a reload of this tab. */
export type Draft = { readonly text: Accessor<string>; readonly setText: (text: string) => void };

const keyOf = (name: string): string => `verbatim.draft.${name}`;

/** The draft of a conversation, or of the next one. */
export function openDraft(name: string, storage: Storage): Draft {
  const [text, setText] = createSignal(storage.getItem(keyOf(name)) ?? '');
  createEffect(() => keepDraft(name, text(), storage));
  return { text, setText };
}

export function keepDraft(name: string, text: string, storage: Storage): void {
  remember(storage, keyOf(name), text);
}
