import { html, raw } from 'hono/html';

/** What a form shows again after a mistake, and the mistakes by field. */
export type Form = {
  readonly action: string;
  readonly login?: string;
  readonly name?: string;
  readonly faults?: Readonly<Record<string, string>>;
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
  readonly name: string;
  readonly label: string;
  readonly type?: 'text' | 'password';
  readonly autocomplete: string;
  readonly value?: string | undefined;
  readonly hint?: string;
  readonly optional?: boolean;
  readonly focus?: boolean;
};

const field = ({ faults = {} }: Form, of: Field): Html => {
  const fault = faults[of.name];
  const notes = [of.hint ? `${of.name}-hint` : '', fault ? `${of.name}-fault` : ''].filter(Boolean).join(' ');
  return html`<div class="field">
    <label for="${of.name}">${of.label}${of.optional ? html` <span class="optional">optional</span>` : ''}</label>
    <input
      id="${of.name}"
      name="${of.name}"
      type="${of.type ?? 'text'}"
      value="${of.value ?? ''}"
      autocomplete="${of.autocomplete}"
      autocapitalize="none"
      spellcheck="false"
      aria-describedby="${notes}"
      ${fault ? html`aria-invalid="true"` : ''}
      ${of.optional ? '' : html`required`}
      ${of.focus ? html`autofocus` : ''}
    />
    ${of.hint ? html`<p class="hint" id="${of.name}-hint">${of.hint}</p>` : ''}
    ${fault ? html`<p class="fault" id="${of.name}-fault" role="alert">${fault}</p>` : ''}
  </div>`;
};

const wholeFault = ({ faults = {} }: Form): Html =>
  faults['form'] ? html`<p class="fault notice" role="alert">${faults['form']}</p>` : html``;

export const signInPage = (form: Form, canRegister: boolean): string =>
  layout(
    'Sign in',
    html`<h1>Welcome back</h1>
      ${wholeFault(form)}
      <form method="post" action="${form.action}/login">
        ${field(form, {
          name: 'login',
          label: 'Name',
          autocomplete: 'username',
          value: form.login,
          focus: !form.login,
        })}
        ${field(form, {
          name: 'password',
          label: 'Password',
          type: 'password',
          autocomplete: 'current-password',
          focus: Boolean(form.login),
        })}
        <button type="submit">Sign in</button>
      </form>
      ${canRegister ? html`<p class="other">New here? <a href="${form.action}?screen=register">Create an account</a></p>` : ''}`,
  );

export const registerPage = (form: Form, { first, code }: { first: boolean; code: boolean }): string =>
  layout(
    'Create an account',
    html`<h1>${first ? 'Create the first account' : 'Create your account'}</h1>
      ${first ? html`<p class="lead">It gets every role: you can chat, read event streams and run this installation.</p>` : ''}
      ${wholeFault(form)}
      <form method="post" action="${form.action}/register">
        ${field(form, {
          name: 'login',
          label: 'Name',
          autocomplete: 'username',
          value: form.login,
          hint: 'What you sign in with: 3 to 40 letters, digits, dots, dashes.',
          focus: true,
        })}
        ${field(form, {
          name: 'name',
          label: 'Display name',
          autocomplete: 'name',
          value: form.name,
          optional: true,
        })}
        ${field(form, {
          name: 'password',
          label: 'Password',
          type: 'password',
          autocomplete: 'new-password',
          hint: 'At least 10 characters.',
        })}
        ${
          code
            ? field(form, {
                name: 'code',
                label: 'One-time code',
                autocomplete: 'one-time-code',
                hint: 'It was printed in the terminal when the server started.',
              })
            : ''
        }
        <button type="submit">Create account</button>
      </form>
      ${first ? '' : html`<p class="other">Have one already? <a href="${form.action}?screen=login">Sign in</a></p>`}`,
  );

/** `form` is oidc-provider's own markup, and holds no text of anybody's. */
export const signOutPage = (form: string): string =>
  layout(
    'Sign out',
    html`<h1>Signing out…</h1>
      ${raw(form)}
      <button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
      <script src="/oidc/submit.js"></script>`,
  );

export const messagePage = (title: string, note: string): string =>
  layout(
    title,
    html`<h1>${title}</h1>
      <p class="lead">${note}</p>
      <p class="other"><a href="/">Back to Verbatim</a></p>`,
  );
