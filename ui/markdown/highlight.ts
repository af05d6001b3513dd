import type { LanguageFn } from 'highlight.js';
import hljs from 'highlight.js/lib/core';

/** Loaded when the first block needs it. highlight.js escapes its input: this is the page's one source of HTML. */
const languages: Readonly<Record<string, () => Promise<{ default: LanguageFn }>>> = {
  bash: () => import('highlight.js/lib/languages/bash'),
  c: () => import('highlight.js/lib/languages/c'),
  css: () => import('highlight.js/lib/languages/css'),
  go: () => import('highlight.js/lib/languages/go'),
  java: () => import('highlight.js/lib/languages/java'),
  javascript: () => import('highlight.js/lib/languages/javascript'),
  json: () => import('highlight.js/lib/languages/json'),
  python: () => import('highlight.js/lib/languages/python'),
  rust: () => import('highlight.js/lib/languages/rust'),
  sql: () => import('highlight.js/lib/languages/sql'),
  typescript: () => import('highlight.js/lib/languages/typescript'),
  xml: () => import('highlight.js/lib/languages/xml'),
  yaml: () => import('highlight.js/lib/languages/yaml'),
};

const aliases: Readonly<Record<string, string>> = {
  sh: 'bash',
  shell: 'bash',
  html: 'xml',
  js: 'javascript',
  jsx: 'javascript',
  py: 'python',
  rs: 'rust',
  ts: 'typescript',
  tsx: 'typescript',
  yml: 'yaml',
};

/** Code as HTML with classes for colours; undefined for a language that is not here. */
export async function highlight(text: string, language: string): Promise<string | undefined> {
  const name = aliases[language.toLowerCase()] ?? language.toLowerCase();
  const load = Object.hasOwn(languages, name) ? languages[name] : undefined;
  if (!load) return undefined;
  if (!hljs.getLanguage(name)) hljs.registerLanguage(name, (await load()).default);
  return hljs.highlight(text, { language: name, ignoreIllegals: true }).value;
}
