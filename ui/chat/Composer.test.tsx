import { cleanup, fireEvent, render, screen } from '@solidjs/testing-library';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Composer } from './Composer.js';
import { openDraft } from './draft.js';

// jsdom has neither of the two.
beforeEach(() => {
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: query === '(hover: hover)' }));
  vi.stubGlobal('CSS', { supports: () => true });
  sessionStorage.clear();
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function open(of: { running?: boolean; held?: string } = {}) {
  const onSend = vi.fn<(text: string) => void>();
  const onStop = vi.fn<() => void>();
  render(() => {
    const draft = openDraft('x', sessionStorage);
    return <Composer draft={draft} {...of} onSend={onSend} onStop={onStop} />;
  });
  const field = screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Message' });
  const write = (value: string): void => {
    fireEvent.input(field, { target: { value } });
  };
  return { onSend, onStop, field, write };
}

describe('the composer', () => {
  it('sends with Enter, and is empty and focused afterwards', () => {
    const { onSend, field, write } = open();
    write('hello\nthere');
    fireEvent.keyDown(field, { key: 'Enter' });
    expect(onSend.mock.calls).toEqual([['hello\nthere']]);
    expect(field.value).toBe('');
    expect(document.activeElement).toBe(field);
  });

  it('does not send with Shift+Enter, nor with the Enter that ends a word of an input method', () => {
    const { onSend, field, write } = open();
    write('こんにちは');
    fireEvent.keyDown(field, { key: 'Enter', shiftKey: true });
    fireEvent.keyDown(field, { key: 'Enter', isComposing: true });
    expect(onSend).not.toHaveBeenCalled();
  });

  it.each(['', '   \n', 'x'.repeat(100_001)])('sends nothing that is blank or too long', (text) => {
    const { onSend, field, write } = open();
    write(text);
    fireEvent.keyDown(field, { key: 'Enter' });
    expect(onSend).not.toHaveBeenCalled();
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Send' }).disabled).toBe(true);
  });

  it('turns Send into Stop while a reply runs; one can write on, and Escape stops', () => {
    const { onSend, onStop, field, write } = open({ running: true });
    write('next');
    fireEvent.keyDown(field, { key: 'Enter' });
    expect(onSend).not.toHaveBeenCalled();
    expect(screen.queryByRole('button', { name: 'Send' })).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Stop' }));
    fireEvent.keyDown(document, { key: 'Escape' });
    expect(onStop).toHaveBeenCalledTimes(2);
    expect(field.value).toBe('next');
  });

  it('says why it is held', () => {
    const { onSend, field, write } = open({ held: 'Not now' });
    write('x');
    fireEvent.keyDown(field, { key: 'Enter' });
    expect(onSend).not.toHaveBeenCalled();
    expect(screen.getByRole('button', { name: 'Send' }).title).toBe('Not now');
  });

  it('has what was written when it is opened again, and nothing once that was sent', () => {
    const { write } = open();
    write('a draft');
    cleanup();
    const again = open();
    expect(again.field.value).toBe('a draft');
    fireEvent.keyDown(again.field, { key: 'Enter' });
    cleanup();
    expect(open().field.value).toBe('');
  });

  it('takes the focus with a slash, but not from another field', () => {
    const { field } = open();
    field.blur();
    fireEvent.keyDown(document.body, { key: '/' });
    expect(document.activeElement).toBe(field);
    const other = document.body.appendChild(document.createElement('input'));
    other.focus();
    fireEvent.keyDown(other, { key: '/' });
    expect(document.activeElement).toBe(other);
    other.remove();
  });
});
