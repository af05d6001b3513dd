import fc from 'fast-check';
import { NIL } from 'uuid';
import { describe, expect, it } from 'vitest';
import { limits } from './content.js';
import { ASSISTANT, type Asked, SYSTEM } from './decider.js';
import { type InstanceCommand, type InstanceEvent, type Role, instance, roles, settings } from './instance.js';
import { clientId, given, run } from './testing.js';

const [ada, bob] = [clientId(1), clientId(2)];
const by = <C extends InstanceCommand>(actor: string, command: C) => ({ ...command, actor, id: NIL });
const grant = (user: string, to: readonly Role[]) =>
  ({ type: 'GrantRoles', data: { user, roles: to, reason: 'the first account' } }) as const;
const change = (more: object = {}) =>
  ({
    type: 'ChangeSetting',
    data: { name: 'registration', value: 'closed', by: ada, reason: 'we are complete', ...more },
  }) as const;
const record = (more: object = {}) =>
  ({
    type: 'RecordAction',
    data: { by: ada, action: 'replay', target: 'projection core', reason: 'a new index', ...more },
  }) as const;

const granted = (user: string, to: readonly Role[]): InstanceEvent => ({
  type: 'RolesGranted',
  data: grant(user, to).data,
});
const changed = (more: object = {}): InstanceEvent => ({ type: 'SettingChanged', data: change(more).data });
const acted = (more: object = {}): InstanceEvent => ({ type: 'OperatorActed', data: record(more).data });

describe('the instance', () => {
  it('records which roles were granted to whom', () => {
    given(instance)
      .when(by(SYSTEM, grant(ada, roles)))
      .adds(granted(ada, roles));
  });

  it('records nothing where nothing changes', () => {
    given(instance, granted(ada, roles))
      .when(by(SYSTEM, grant(ada, roles)))
      .changesNothing();
  });

  it('records every change, the way back too', () => {
    given(instance, granted(ada, roles), granted(ada, ['user']))
      .when(by(SYSTEM, grant(ada, roles)))
      .adds(granted(ada, roles));
  });

  it('keeps people apart', () => {
    given(instance, granted(ada, roles))
      .when(by(SYSTEM, grant(bob, roles)))
      .adds(granted(bob, roles));
  });

  it.each([ada, ASSISTANT])('takes all of it from nobody but the installation itself: %s', (actor) => {
    for (const command of [grant(ada, roles), change(), record()]) {
      given(instance).when(by(actor, command)).isRefused('NOT_FOUND');
    }
  });
});

describe('a setting', () => {
  it('is changed to each of its values, and to the same once', () => {
    for (const name of ['registration', 'sharing'] as const) {
      for (const value of settings[name]) {
        given(instance)
          .when(by(SYSTEM, change({ name, value })))
          .adds(changed({ name, value }));
      }
    }
    given(instance, changed())
      .when(by(SYSTEM, change({ reason: 'another' })))
      .changesNothing();
    given(instance, changed(), changed({ value: 'open' }))
      .when(by(SYSTEM, change()))
      .adds(changed());
  });

  it('has no other values than these', () => {
    for (const value of ['', 'on', 'OPEN']) {
      given(instance)
        .when(by(SYSTEM, change({ value })))
        .isRefused('INVALID');
    }
  });
});

describe('the audit', () => {
  it('notes what operators did, the very same right after itself once', () => {
    given(instance).when(by(SYSTEM, record())).adds(acted());
    given(instance, acted()).when(by(SYSTEM, record())).changesNothing();
    given(instance, acted(), changed(), granted(ada, roles)).when(by(SYSTEM, record())).changesNothing();
    for (const more of [{ by: bob }, { action: 'rebuild' }, { target: 'search' }, { reason: 'a second time' }]) {
      given(instance, acted())
        .when(by(SYSTEM, record(more)))
        .adds(acted(more));
      given(instance, acted(), acted(more)).when(by(SYSTEM, record())).adds(acted());
    }
  });

  it('wants to know who and why, in so many words', () => {
    for (const [empty, long] of [
      [change({ reason: '' }), change({ reason: 'x'.repeat(limits.note + 1) })],
      [change({ by: ' ' }), change({ by: 'x'.repeat(limits.note + 1) })],
      [record({ reason: '' }), record({ reason: 'x'.repeat(limits.note + 1) })],
      [record({ by: '' }), record({ target: 'x'.repeat(limits.note + 1) })],
      [record({ action: '' }), record({ action: 'x'.repeat(limits.note + 1) })],
    ] as const) {
      given(instance).when(by(SYSTEM, empty)).isRefused('INVALID');
      given(instance).when(by(SYSTEM, long)).isRefused('TOO_LARGE');
    }
  });
});

describe('whatever is asked of the instance', () => {
  const who = fc.constantFrom(ada, bob);
  const name = fc.constantFrom('registration' as const, 'sharing' as const);
  const command: fc.Arbitrary<Asked<InstanceCommand>> = fc
    .tuple(
      fc.constantFrom(SYSTEM, SYSTEM, ada),
      fc.oneof(
        fc.tuple(who, fc.subarray([...roles])).map(([user, to]) => grant(user, to)),
        fc.record({ name, value: fc.constantFrom('open', 'closed', 'on', 'off', '?') }).map(change),
        fc.record({ by: who, action: fc.constantFrom('replay', 'retry', '') }).map(record),
      ),
    )
    .map(([actor, what]) => by(actor, what));

  it('is recorded once: never the same twice in a row for one person, setting or operator', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40, size: 'max' }), (commands) => {
        const last = new Map<string, string>();
        for (const { type, data } of run(instance, commands)) {
          seen.add(type);
          const [about, now] =
            type === 'RolesGranted'
              ? [data.user, data.roles.join()]
              : type === 'SettingChanged'
                ? [data.name, data.value]
                : ['audit', JSON.stringify(data)];
          expect(last.get(about)).not.toBe(now);
          last.set(about, now);
        }
      }),
    );
    expect(seen.size).toBe(3);
  });
});
