import { type Decider, SYSTEM, reject } from './decider.js';
import type { Clear } from './event.js';
import type { Uuid } from './ids.js';

// The names and shapes of events are the storage format: never change one, add a version.

/** What operators did: who, what, why. The identity provider is the master of roles; this is the audit of it. */
export type InstanceEvent = { type: 'RolesGranted'; data: { user: Uuid; roles: readonly Role[]; reason: string } };

export const instanceContent = {
  RolesGranted: { user: 'clear', roles: 'clear', reason: 'clear' },
} satisfies Clear<InstanceEvent>;

export const roles = ['user', 'analyst', 'ops'] as const;
export type Role = (typeof roles)[number];

/** The roles last granted to each person, joined by commas. */
export type InstanceState = { readonly granted: Readonly<Record<Uuid, string>> };

export type InstanceCommand = {
  type: 'GrantRoles';
  data: { user: Uuid; roles: readonly Role[]; reason: string };
};

export const instance: Decider<InstanceState, InstanceCommand, InstanceEvent> = {
  initial: { granted: {} },

  evolve: (state, { data }) => ({ granted: { ...state.granted, [data.user]: data.roles.join() } }),

  decide: ({ actor, data }, state) => {
    if (actor !== SYSTEM) return reject('NOT_FOUND', 'Only operators grant roles.');
    return state.granted[data.user] === data.roles.join() ? [] : [{ type: 'RolesGranted', data }];
  },
};
