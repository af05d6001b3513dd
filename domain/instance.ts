import { type Decider, SYSTEM, reject } from './decider.js';
import { type Clear, sha256 } from './event.js';
import { noteFault } from './faults.js';
import type { Uuid } from './ids.js';

// The names and shapes of events are the storage format: never change one, add a version (see upcasters.ts).

type Setting = { name: SettingName; value: string; by: string; reason: string };
type Action = { by: string; action: string; target: string; reason: string };

/** What operators did: who, what, why. The identity provider is the master of roles; this is the audit of it. */
export type InstanceEvent =
  | { type: 'RolesGranted'; data: { user: Uuid; roles: readonly Role[]; reason: string } }
  | { type: 'SettingChanged'; data: Setting }
  | { type: 'OperatorActed'; data: Action };

export const instanceContent = {
  RolesGranted: { user: 'clear', roles: 'clear', reason: 'clear' },
  SettingChanged: { name: 'clear', value: 'clear', by: 'clear', reason: 'clear' },
  OperatorActed: { by: 'clear', action: 'clear', target: 'clear', reason: 'clear' },
} satisfies Clear<InstanceEvent>;

export const roles = ['user', 'analyst', 'ops'] as const;
export type Role = (typeof roles)[number];

/** Each setting and the values that it can have. */
export const settings = {
  registration: ['open', 'invitation', 'closed'],
  sharing: ['on', 'off'],
} as const;
export type SettingName = keyof typeof settings;

/**
 * The roles last granted to each person, joined by commas; the settings that were changed; the hash of what an operator
 * did last.
 */
export type InstanceState = {
  readonly granted: Readonly<Record<Uuid, string>>;
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  readonly acted: string;
};

export type InstanceCommand =
  | { type: 'GrantRoles'; data: { user: Uuid; roles: readonly Role[]; reason: string } }
  | { type: 'ChangeSetting'; data: Setting }
  | { type: 'RecordAction'; data: Action };

export const instance: Decider<InstanceState, InstanceCommand, InstanceEvent> = {
  initial: { granted: {}, settings: {}, acted: '' },

  evolve: (state, { type, data }) => {
    switch (type) {
      case 'RolesGranted':
        return { ...state, granted: { ...state.granted, [data.user]: data.roles.join() } };
      case 'SettingChanged':
        return { ...state, settings: { ...state.settings, [data.name]: data.value } };
      case 'OperatorActed':
        return { ...state, acted: sha256(data) };
    }
  },

  decide: ({ actor, type, data }, state) => {
    if (actor !== SYSTEM) return reject('NOT_FOUND', 'Only operators do this.');
    switch (type) {
      case 'GrantRoles':
        return state.granted[data.user] === data.roles.join() ? [] : [{ type: 'RolesGranted', data }];
      case 'ChangeSetting': {
        const values: readonly string[] = settings[data.name];
        if (!values.includes(data.value)) {
          return reject('INVALID', `${data.name} can be ${values.join(', ')}: not ${data.value}.`);
        }
        return (
          noteFault(data.by, data.reason) ??
          (state.settings[data.name] === data.value ? [] : [{ type: 'SettingChanged', data }])
        );
      }
      case 'RecordAction':
        // The very same right after itself is one wish sent twice; whoever does it twice has a second reason.
        return (
          noteFault(data.by, data.action, data.target, data.reason) ??
          (state.acted === sha256(data) ? [] : [{ type: 'OperatorActed', data }])
        );
    }
  },
};
