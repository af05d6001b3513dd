import type { IncomingMessage } from 'node:http';
import { canonical } from './accounts.js';

/** What is wrong with a field: a stable code for programs, a sentence for people. */
export type Fault = { readonly code: string; readonly text: string };
export type Faults = Readonly<Record<string, Fault>>;

export class FormTooLarge extends Error {
  override name = 'FormTooLarge';
  readonly code = 'FORM_TOO_LARGE';
}

const LARGEST_FORM = 8 * 1024;

/**
 * The fields of a form. Throws FormTooLarge on a body that no form of ours sends; the rest of it is read and dropped, for
 * a browser listens to the answer only when it has sent everything.
 */
export async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let size = 0;
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= LARGEST_FORM) chunks.push(chunk);
    });
    request.once('end', resolve);
    request.once('error', reject);
  });
  if (size > LARGEST_FORM) throw new FormTooLarge(`a form of ${size} bytes; at most ${LARGEST_FORM}`);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

export type RegistrationForm = {
  readonly login: string;
  readonly name: string;
  readonly password: string;
  readonly code: string;
};

export const registrationOf = (fields: URLSearchParams): RegistrationForm => ({
  login: canonical(fields.get('login') ?? '').trim(),
  name: (fields.get('name') ?? '').trim(),
  password: fields.get('password') ?? '',
  code: (fields.get('code') ?? '').trim(),
});

/** What is wrong with a registration in itself, by field. */
export function faultsOf({ login, name, password }: RegistrationForm): Record<string, Fault> {
  const faults: Record<string, Fault> = {};
  if (!/^[\p{L}\p{N}._-]{3,40}$/u.test(login)) {
    faults['login'] = {
      code: 'LOGIN_INVALID',
      text: 'Use 3 to 40 letters, digits, dots, dashes or underscores, without spaces.',
    };
  }
  if (name.length > 100 || /\p{Cc}/u.test(name)) {
    faults['name'] = { code: 'NAME_INVALID', text: 'Use at most 100 characters, on one line.' };
  }
  const { length } = password;
  if (length < 10) {
    faults['password'] = {
      code: 'PASSWORD_TOO_SHORT',
      text: 'Too short: use at least 10 characters, as in a few words in a row.',
    };
  } else if (length > 200) {
    faults['password'] = { code: 'PASSWORD_TOO_LONG', text: 'At most 200 characters.' };
  } else if (canonical(password).toLowerCase() === login.toLowerCase()) {
    faults['password'] = { code: 'PASSWORD_IS_LOGIN', text: 'Choose something other than your name.' };
  }
  return faults;
}

/** How long to wait, as a person would say it. */
export const waitText = (seconds: number): string => {
  const minutes = Math.ceil(seconds / 60);
  if (seconds < 60) return seconds === 1 ? 'a second' : `${seconds} seconds`;
  return minutes === 1 ? 'a minute' : `${minutes} minutes`;
};
