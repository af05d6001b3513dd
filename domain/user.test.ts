import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits, personKey } from './content.js';
import { ASSISTANT, SYSTEM } from './decider.js';
import { clientId, given, run, sealedText } from './testing.js';
import { user } from './user.js';

const ada = clientId(1);
const name = sealedText(personKey(ada), `${ada}/name`);
const register = (actor: string, chars: number) =>
  ({ type: 'RegisterUser', data: { name, chars }, actor, id: ada }) as const;
const registered = { type: 'UserRegistered', data: { name, chars: 3 } } as const;

describe('a person', () => {
  it('registers', () => {
    given(user).when(register(ada, 3)).adds(registered);
  });

  it('is registered once', () => {
    given(user, registered).when(register(ada, 3)).changesNothing();
  });

  it.each([clientId(2), ASSISTANT, SYSTEM])('is registered by nobody else: %s', (actor) => {
    given(user).when(register(actor, 3)).isRefused('NOT_FOUND');
  });

  it('has a name of at least one character and at most the limit', () => {
    given(user).when(register(ada, 0)).isRefused('INVALID');
    given(user)
      .when(register(ada, limits.name))
      .adds({ type: 'UserRegistered', data: { name, chars: limits.name } });
    given(user)
      .when(register(ada, limits.name + 1))
      .isRefused('TOO_LARGE');
  });

  it('is never registered twice, whatever is asked', () => {
    const command = fc.tuple(fc.constantFrom(ada, clientId(2)), fc.nat(limits.name * 2));
    fc.assert(
      fc.property(fc.array(command, { maxLength: 8 }), (asked) => {
        const events = run(
          user,
          asked.map(([actor, chars]) => register(actor, chars)),
        );
        expect(events.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});
