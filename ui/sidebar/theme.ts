import { createSignal } from 'solid-js';

export type Theme = 'system' | 'light' | 'dark';

const STORED = 'verbatim.theme';
const order: readonly Theme[] = ['system', 'light', 'dark'];
const darkSystem = matchMedia('(prefers-color-scheme: dark)');

const [theme, setTheme] = createSignal<Theme>(
  order.find((known) => known === localStorage.getItem(STORED)) ?? 'system',
);
export { theme };

const apply = (): void => {
  const dark = theme() === 'dark' || (theme() === 'system' && darkSystem.matches);
  document.documentElement.classList.toggle('dark', dark);
};
darkSystem.addEventListener('change', apply);

/** Goes on to the next theme, and keeps it. */
export function nextTheme(): void {
  setTheme((now) => order[(order.indexOf(now) + 1) % order.length] ?? 'system');
  localStorage.setItem(STORED, theme());
  apply();
}
