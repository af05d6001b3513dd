import { html, raw } from 'hono/html';
import type { Fault, Faults } from './forms.js';

/** What a form shows again after a mistake, and the mistakes by field; `form` is one of the form as a whole. */
export type Form = {
  readonly action: string;
  readonly login?: string;
  readonly name?: string;
  readonly code?: string;
  readonly faults?: Faults;
};

type Html = ReturnType<typeof html>;

/** A page as text. None of ours waits for anything, so the library's promises do not arise. */
const text = (page: Html): string => {
  if (page instanceof Promise) throw new Error('a page waits for something');
  return page.toString();
};

const layout = (title: string, body: Html): string =>
  text(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>${title} · Verbatim</title>
          <link rel="icon" href="/favicon.svg" />
          <link rel="stylesheet" href="/oidc/style.css" />
        </head>
        <body>
          <main>
            <p class="brand"><img src="/favicon.svg" alt="" width="28" height="28" />Verbatim</p>
            ${body}
          </main>
        </body>
      </html>`,
  );

type Field = {
  readonly name: 'login' | 'name' | 'password' | 'code';
  readonly label: string;
  readonly type?: 'text' | 'password';
  readonly autocomplete: string;
  readonly autocapitalize?: 'none' | 'words';
  readonly hint?: string;
  readonly optional?: boolean;
};

/** A fault is read out, and carries its code for programs. */
const alert = (fault: Fault | undefined): Html => (fault ? html`role="alert" data-code="${fault.code}"` : html``);

/** A field with its label and its hint or fault. Passwords are typed anew; everything else keeps what was typed. */
const field = (form: Form, { focus, ...of }: Field & { readonly focus: string }): Html => {
  const { name } = of;
  const fault = form.faults?.[name];
  const note = fault ?? (of.hint === undefined ? undefined : { text: of.hint });
  return html`<div class="field">
    <label for="${name}">${of.label}${of.optional ? html` <span class="optional">optional</span>` : ''}</label>
    <input
      id="${name}"
      name="${name}"
      type="${of.type ?? 'text'}"
      value="${name === 'password' ? '' : (form[name] ?? '')}"
      autocomplete="${of.autocomplete}"
      autocapitalize="${of.autocapitalize ?? 'none'}"
      spellcheck="false"
      ${note ? html`aria-describedby="${name}-note"` : ''}
      ${fault ? html`aria-invalid="true"` : ''}
      ${of.optional ? '' : html`required`}
      ${name === focus ? html`autofocus` : ''}
    />
    ${note ? html`<p class="${fault ? 'fault' : 'hint'}" id="${name}-note" ${alert(fault)}>${note.text}</p>` : ''}
  </div>`;
};

/** The first field with a fault, so that its fault is read out; else the first that is empty. */
const focusOf = (form: Form, fields: readonly Field[]): string =>
  (fields.find(({ name }) => form.faults?.[name]) ?? fields.find(({ name }) => name === 'password' || !form[name]))
    ?.name ?? '';

const formPage = (form: Form, page: { action: string; fields: readonly Field[]; button: string }): Html => {
  const focus = focusOf(form, page.fields);
  const fault: Fault | undefined = form.faults?.['form'];
  return html`${fault ? html`<p class="notice" ${alert(fault)}>${fault.text}</p>` : ''}
    <form method="post" action="${page.action}">
      ${page.fields.map((each) => field(form, { ...each, focus }))}
      <button type="submit">${page.button}</button>
    </form>`;
};

export const signInPage = (form: Form, canRegister: boolean): string =>
  layout(
    'Sign in',
    html`<h1>Welcome back</h1>
      ${formPage(form, {
        action: `${form.action}/login`,
        fields: [
          { name: 'login', label: 'Name', autocomplete: 'username' },
          { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
        ],
        button: 'Sign in',
      })}
      ${canRegister ? html`<p class="other">New here? <a href="${form.action}?screen=register">Create an account</a></p>` : ''}`,
  );

const registration: readonly Field[] = [
  {
    name: 'login',
    label: 'Name',
    autocomplete: 'username',
    hint: 'What you sign in with: 3 to 40 letters, digits, dots, dashes or underscores.',
  },
  {
    name: 'name',
    label: 'Display name',
    autocomplete: 'name',
    autocapitalize: 'words',
    optional: true,
    hint: 'What others see. Your name, if left empty.',
  },
  {
    name: 'password',
    label: 'Password',
    type: 'password',
    autocomplete: 'new-password',
    hint: 'At least 10 characters. A few words in a row are easy to remember and hard to guess.',
  },
];
const oneTimeCode: Field = {
  name: 'code',
  label: 'One-time code',
  autocomplete: 'one-time-code',
  hint: 'It stands in the terminal in which the server was started.',
};

export const registerPage = (form: Form, { first, code }: { first: boolean; code: boolean }): string =>
  layout(
    first ? 'Create the first account' : 'Create your account',
    html`<h1>${first ? 'Create the first account' : 'Create your account'}</h1>
      ${first ? html`<p class="lead">It takes every role: it chats, reads event streams and runs this installation.</p>` : ''}
      ${formPage(form, {
        action: `${form.action}/register`,
        fields: code ? [...registration, oneTimeCode] : registration,
        button: 'Create account',
      })}
      ${first ? '' : html`<p class="other">Have an account? <a href="${form.action}?screen=login">Sign in</a></p>`}`,
  );

/**
 * `form` is oidc-provider's own markup, and holds no text of anybody's. It is sent at once where our own page asked for
 * it; a mere link from elsewhere has to be confirmed.
 */
export const signOutPage = (form: string, asked: 'by us' | 'by a link'): string =>
  layout(
    'Sign out',
    html`<h1>${asked === 'by us' ? 'Signing out…' : 'Sign out of Verbatim?'}</h1>
      ${raw(form)}
      <button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
      ${asked === 'by us' ? html`<script src="/oidc/submit.js"></script>` : html`<p class="other"><a href="/">Stay signed in</a></p>`}`,
  );

type Message = {
  readonly title: string;
  readonly note: string;
  /** What went wrong, for whoever is asked for help. */
  readonly code?: string;
  /** Where to go from here. Default: the chat. */
  readonly way?: { readonly href: string; readonly text: string };
};

export const messagePage = ({ title, note, code, way = { href: '/', text: 'Back to Verbatim' } }: Message): string =>
  layout(
    title,
    html`<h1>${title}</h1>
      <p class="lead">${note}</p>
      <a class="button" href="${way.href}">${way.text}</a>
      ${code ? html`<p class="code">Code: <code>${code}</code></p>` : ''}`,
  );

export const startAgainPage = (): string =>
  messagePage({
    title: 'Start again',
    note: 'This sign-in took too long, or was begun in another browser. Nothing is lost: it only has to be begun anew.',
    code: 'SIGN_IN_ENDED',
    way: { href: '/', text: 'Sign in again' },
  });
