import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ASSISTANT, SYSTEM } from './decider.js';
import { NIL } from 'uuid';
import { type Role, instance, roles } from './instance.js';
import { clientId, given, run } from './testing.js';

const [ada, bob] = [clientId(1), clientId(2)];
const grant = (user: string, granted: readonly Role[], actor: string = SYSTEM) =>
  ({ type: 'GrantRoles', data: { user, roles: granted, reason: 'the first account' }, actor, id: NIL }) as const;
const granted = (user: string, to: readonly Role[]) =>
  ({ type: 'RolesGranted', data: { user, roles: to, reason: 'the first account' } }) as const;

describe('the instance', () => {
  it('records which roles were granted to whom', () => {
    given(instance).when(grant(ada, roles)).adds(granted(ada, roles));
  });

  it('records nothing where nothing changes', () => {
    given(instance, granted(ada, roles)).when(grant(ada, roles)).changesNothing();
  });

  it('records every change, the way back too', () => {
    given(instance, granted(ada, roles), granted(ada, ['user']))
      .when(grant(ada, roles))
      .adds(granted(ada, roles));
  });

  it('keeps people apart', () => {
    given(instance, granted(ada, roles)).when(grant(bob, roles)).adds(granted(bob, roles));
  });

  it.each([ada, ASSISTANT])('takes it from nobody but the installation itself: %s', (actor) => {
    given(instance)
      .when(grant(ada, roles, actor))
      .isRefused('NOT_FOUND');
  });

  it('never records the same twice in a row for one person, whatever is asked', () => {
    const command = fc.tuple(fc.constantFrom(ada, bob), fc.subarray([...roles]), fc.constantFrom(SYSTEM, SYSTEM, ada));
    fc.assert(
      fc.property(fc.array(command, { maxLength: 20 }), (asked) => {
        const events = run(
          instance,
          asked.map(([user, to, actor]) => grant(user, to, actor)),
        );
        const last = new Map<string, string>();
        for (const { type, data } of events) {
          if (type !== 'RolesGranted') throw new Error(type);
          expect(last.get(data.user)).not.toBe(data.roles.join());
          last.set(data.user, data.roles.join());
        }
      }),
    );
  });
});
