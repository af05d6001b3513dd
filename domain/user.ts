import { type Sealed, contentOf, limits, nonceOf, personKey } from './content.js';
import { type Asked, type Decider, type Rejection, SYSTEM, reject } from './decider.js';
import type { Clear } from './event.js';
import { noteFault, sealFault, textFault, timeFault } from './faults.js';

// The names and shapes of events are the storage format: never change one, add a version (see upcasters.ts).

/** `language` is a BCP 47 tag. Null where the person has said nothing. */
type Preferences = {
  instructions: Sealed | null;
  chars: number;
  theme: 'system' | 'light' | 'dark';
  language: string | null;
};

/** `by` names the person themselves, or who asked the installation to do it. `backupsUntil` is an ISO 8601 time. */
export type UserEvent =
  | { type: 'UserRegistered'; data: { name: Sealed; chars: number } }
  | { type: 'ProfileChanged'; data: { name: Sealed; chars: number } }
  | { type: 'PreferencesChanged'; data: Preferences }
  | { type: 'UserSuspended'; data: { by: string; reason: string } }
  | { type: 'UserReinstated'; data: { by: string; reason: string } }
  | { type: 'UserErased'; data: { by: string } }
  | { type: 'ErasureCompleted'; data: { conversations: number; backupsUntil: string } };

export const userContent = {
  UserRegistered: { name: 'sealed', chars: 'clear' },
  ProfileChanged: { name: 'sealed', chars: 'clear' },
  PreferencesChanged: { instructions: 'sealed', chars: 'clear', theme: 'clear', language: 'clear' },
  UserSuspended: { by: 'clear', reason: 'clear' },
  UserReinstated: { by: 'clear', reason: 'clear' },
  UserErased: { by: 'clear' },
  ErasureCompleted: { conversations: 'clear', backupsUntil: 'clear' },
} satisfies Clear<UserEvent>;

/** `name` and `preferences` are marks (see `nonceOf`): by them the same wish is known when it comes again. */
export type UserState = {
  readonly status: 'absent' | 'active' | 'suspended' | 'erased' | 'gone';
  readonly name: string;
  readonly preferences: string;
};

export type UserCommand =
  | { type: 'RegisterUser'; data: { name: Sealed; chars: number } }
  | { type: 'ChangeProfile'; data: { name: Sealed; chars: number } }
  | { type: 'ChangePreferences'; data: Preferences }
  | { type: 'SuspendUser'; data: { by: string; reason: string } }
  | { type: 'ReinstateUser'; data: { by: string; reason: string } }
  | { type: 'EraseUser'; data: { by: string } }
  | { type: 'CompleteErasure'; data: { conversations: number; backupsUntil: string } };

type Decision = readonly UserEvent[] | Rejection;

const markOf = ({ instructions, theme, language }: Preferences): string =>
  [instructions ? nonceOf(instructions) : '', theme, language ?? ''].join(' ');

function evolve(state: UserState, event: UserEvent): UserState {
  switch (event.type) {
    case 'UserRegistered':
      return { ...state, status: 'active', name: nonceOf(event.data.name) };
    case 'ProfileChanged':
      return { ...state, name: nonceOf(event.data.name) };
    case 'PreferencesChanged':
      return { ...state, preferences: markOf(event.data) };
    case 'UserSuspended':
      return { ...state, status: 'suspended' };
    case 'UserReinstated':
      return { ...state, status: 'active' };
    case 'UserErased':
      return { status: 'erased', name: '', preferences: '' };
    case 'ErasureCompleted':
      return { ...state, status: 'gone' };
  }
}

const notFound = reject('NOT_FOUND', 'This person does not exist, or it is not you.');
const language = /^[a-z]{2,8}(-[a-z0-9]{1,8}){0,4}$/i;

const nameFault = (id: string, { name, chars }: { name: Sealed; chars: number }): Rejection | undefined =>
  textFault('A name', chars, limits.name) ?? sealFault(name, personKey(id), contentOf.name(id));

function preferencesFault(id: string, { instructions, chars, language: tag }: Preferences): Rejection | undefined {
  if (tag !== null && !language.test(tag)) return reject('INVALID', `${tag} is not the tag of a language (BCP 47).`);
  if (!instructions) return chars === 0 ? undefined : reject('INVALID', 'No instructions have no characters.');
  return (
    textFault('Instructions', chars, limits.instructions) ??
    sealFault(instructions, personKey(id), contentOf.instructions(id))
  );
}

/** What the installation asks, for those who run it. */
function houseDecides({ type, data }: UserCommand, { status }: UserState): Decision {
  if (status === 'absent') return notFound;
  switch (type) {
    case 'SuspendUser':
    case 'ReinstateUser': {
      if (status === 'erased' || status === 'gone') return notFound;
      const [now, added] =
        type === 'SuspendUser' ? (['suspended', 'UserSuspended'] as const) : (['active', 'UserReinstated'] as const);
      return noteFault(data.by, data.reason) ?? (status === now ? [] : [{ type: added, data }]);
    }
    case 'EraseUser':
      if (status === 'erased' || status === 'gone') return [];
      return noteFault(data.by) ?? [{ type: 'UserErased', data }];
    case 'CompleteErasure':
      if (status === 'gone') return [];
      if (status !== 'erased') return reject('INVALID', 'Nobody asked for the erasure of this person.');
      return timeFault(data.backupsUntil) ?? [{ type: 'ErasureCompleted', data }];
    default:
      return notFound;
  }
}

function decide(command: Asked<UserCommand>, state: UserState): Decision {
  const { actor, id, type, data } = command;
  const { status } = state;
  if (actor === SYSTEM) return houseDecides(command, state);
  if (actor !== id || status === 'erased' || status === 'gone') return notFound;
  if (status === 'suspended') return reject('SUSPENDED', 'Your account is suspended: ask those who run this server.');
  if (type === 'RegisterUser') {
    return nameFault(id, data) ?? (status === 'active' ? [] : [{ type: 'UserRegistered', data }]);
  }
  if (status === 'absent') return notFound;
  switch (type) {
    case 'ChangeProfile':
      return nameFault(id, data) ?? (nonceOf(data.name) === state.name ? [] : [{ type: 'ProfileChanged', data }]);
    case 'ChangePreferences':
      return (
        preferencesFault(id, data) ?? (markOf(data) === state.preferences ? [] : [{ type: 'PreferencesChanged', data }])
      );
    case 'EraseUser':
      return data.by === actor
        ? [{ type: 'UserErased', data }]
        : reject('INVALID', 'It is you who asks: say so in by.');
    default:
      return notFound;
  }
}

export const user: Decider<UserState, UserCommand, UserEvent> = {
  initial: { status: 'absent', name: '', preferences: '' },
  evolve,
  decide,
};
