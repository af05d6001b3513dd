import { type Sealed, limits } from './content.js';
import { type Decider, reject } from './decider.js';
import type { Clear } from './event.js';

// The names and shapes of events are the storage format: never change one, add a version.

export type UserEvent = { type: 'UserRegistered'; data: { name: Sealed; chars: number } };

export const userContent = {
  UserRegistered: { name: 'sealed', chars: 'clear' },
} satisfies Clear<UserEvent>;

export type UserState = { readonly registered: boolean };

export type UserCommand = { type: 'RegisterUser'; data: { name: Sealed; chars: number } };

export const user: Decider<UserState, UserCommand, UserEvent> = {
  initial: { registered: false },

  evolve: () => ({ registered: true }),

  decide: (command, state) => {
    if (command.actor !== command.id) return reject('NOT_FOUND', 'A person registers only themselves.');
    if (command.data.chars === 0) return reject('INVALID', 'A name needs some text.');
    if (command.data.chars > limits.name) {
      return reject('TOO_LARGE', `A name has at most ${limits.name} characters.`);
    }
    return state.registered ? [] : [{ type: 'UserRegistered', data: command.data }];
  },
};
