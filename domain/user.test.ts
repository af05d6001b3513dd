import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentOf, limits, personKey } from './content.js';
import { ASSISTANT, type Asked, SYSTEM } from './decider.js';
import { clientId, given, run, sealedText } from './testing.js';
import { type UserCommand, type UserEvent, user } from './user.js';

const [ada, bob] = [clientId(1), clientId(2)];
const name = (n = 0) => sealedText(personKey(ada), contentOf.name(ada), n);
const instructions = (n = 0) => sealedText(personKey(ada), contentOf.instructions(ada), n);
const by = <C extends UserCommand>(actor: string, command: C) => ({ ...command, actor, id: ada });

const register = (more: object = {}) => ({ type: 'RegisterUser', data: { name: name(), chars: 3, ...more } }) as const;
const profile = (more: object = {}) => ({ type: 'ChangeProfile', data: { name: name(1), chars: 3, ...more } }) as const;
const preferences = (more: object = {}) =>
  ({
    type: 'ChangePreferences',
    data: { instructions: instructions(), chars: 9, theme: 'dark', language: 'de-CH', ...more },
  }) as const;
const note = { by: bob, reason: 'a lost phone' };
const suspend = (more: object = {}) => ({ type: 'SuspendUser', data: { ...note, ...more } }) as const;
const reinstate = (more: object = {}) => ({ type: 'ReinstateUser', data: { ...note, ...more } }) as const;
const erase = (who: string = ada) => ({ type: 'EraseUser', data: { by: who } }) as const;
const complete = (backupsUntil = '2026-03-01T00:00:00.000Z') =>
  ({ type: 'CompleteErasure', data: { conversations: 3, backupsUntil } }) as const;

const registered: UserEvent = { type: 'UserRegistered', data: register().data };
const suspended: UserEvent = { type: 'UserSuspended', data: note };
const reinstated: UserEvent = { type: 'UserReinstated', data: note };
const erased: UserEvent = { type: 'UserErased', data: { by: ada } };
const completed: UserEvent = { type: 'ErasureCompleted', data: complete().data };

const nobody = given(user);
const known = given(user, registered);
const own = [register(), profile(), preferences(), erase()];
const house = [suspend(), reinstate(), complete()];

describe('a person', () => {
  it('registers, once', () => {
    nobody.when(by(ada, register())).adds(registered);
    known.when(by(ada, register())).changesNothing();
    known.when(by(ada, register({ name: name(7) }))).changesNothing();
  });

  it.each([bob, ASSISTANT, SYSTEM])('is registered and changed by nobody else: %s', (actor) => {
    for (const command of own.slice(0, 3)) {
      nobody.when(by(actor, command)).isRefused('NOT_FOUND');
      known.when(by(actor, command)).isRefused('NOT_FOUND');
    }
  });

  it('has a name of at least one character and at most the limit, sealed in its place', () => {
    for (const [state, command] of [
      [nobody, register],
      [known, profile],
    ] as const) {
      state.when(by(ada, command({ chars: 0 }))).isRefused('INVALID');
      state.when(by(ada, command({ chars: limits.name + 1 }))).isRefused('TOO_LARGE');
      state.when(by(ada, command({ name: sealedText(personKey(bob), contentOf.name(ada)) }))).isRefused('INVALID');
      state.when(by(ada, command({ name: sealedText(personKey(ada), contentOf.name(bob)) }))).isRefused('INVALID');
    }
    const longest = { ...register().data, chars: limits.name };
    nobody.when(by(ada, register(longest))).adds({ type: 'UserRegistered', data: longest });
  });

  it('changes their name, the same way once', () => {
    const changed: UserEvent = { type: 'ProfileChanged', data: profile().data };
    known.when(by(ada, profile())).adds(changed);
    given(user, registered, changed).when(by(ada, profile())).changesNothing();
    nobody.when(by(ada, profile())).isRefused('NOT_FOUND');
  });
});

describe('preferences', () => {
  const changed = (more: object = {}): UserEvent => ({ type: 'PreferencesChanged', data: preferences(more).data });
  const none = { instructions: null, chars: 0 };

  it('are kept, the same once', () => {
    known.when(by(ada, preferences())).adds(changed());
    const chosen = given(user, registered, changed());
    chosen.when(by(ada, preferences())).changesNothing();
    for (const more of [none, { theme: 'light' }, { language: null }, { instructions: instructions(1) }]) {
      chosen.when(by(ada, preferences(more))).adds(changed(more));
    }
    nobody.when(by(ada, preferences())).isRefused('NOT_FOUND');
  });

  it('have instructions that are not too long, in their place, or none at all', () => {
    known.when(by(ada, preferences(none))).adds(changed(none));
    known.when(by(ada, preferences({ ...none, chars: 1 }))).isRefused('INVALID');
    known.when(by(ada, preferences({ chars: 0 }))).isRefused('INVALID');
    known.when(by(ada, preferences({ chars: limits.instructions + 1 }))).isRefused('TOO_LARGE');
    known.when(by(ada, preferences({ instructions: name() }))).isRefused('INVALID');
    known
      .when(by(ada, preferences({ instructions: sealedText(personKey(bob), contentOf.instructions(ada)) })))
      .isRefused('INVALID');
  });

  it('name a language by its tag', () => {
    for (const language of ['de', 'de-CH', 'zh-Hant-TW', 'sl-rozaj-biske']) {
      known.when(by(ada, preferences({ language }))).adds(changed({ language }));
    }
    for (const language of ['', 'German please', 'd', 'de_CH', 'a'.repeat(50)]) {
      known.when(by(ada, preferences({ language }))).isRefused('INVALID');
    }
  });
});

describe('who is suspended', () => {
  const out = given(user, registered, suspended);

  it('can do nothing of their own until they are reinstated', () => {
    for (const command of own) out.when(by(ada, command)).isRefused('SUSPENDED');
    given(user, registered, suspended, reinstated)
      .when(by(ada, profile()))
      .adds({ type: 'ProfileChanged', data: profile().data });
  });

  it('is so by the installation alone, for a reason that somebody gives, and once', () => {
    known.when(by(SYSTEM, suspend())).adds(suspended);
    out.when(by(SYSTEM, suspend({ reason: 'another' }))).changesNothing();
    out.when(by(SYSTEM, reinstate())).adds(reinstated);
    known.when(by(SYSTEM, reinstate())).changesNothing();
    for (const command of [suspend, reinstate]) {
      known.when(by(SYSTEM, command({ reason: ' ' }))).isRefused('INVALID');
      known.when(by(SYSTEM, command({ by: '' }))).isRefused('INVALID');
      known.when(by(SYSTEM, command({ reason: 'x'.repeat(limits.note + 1) }))).isRefused('TOO_LARGE');
    }
    for (const actor of [ada, bob, ASSISTANT]) {
      for (const command of house) known.when(by(actor, command)).isRefused('NOT_FOUND');
    }
    for (const command of [...house, erase()]) nobody.when(by(SYSTEM, command)).isRefused('NOT_FOUND');
  });

  it('is not known to others', () => {
    for (const command of own) out.when(by(bob, command)).isRefused('NOT_FOUND');
  });
});

describe('an erasure', () => {
  const gone = given(user, registered, erased);

  it('is asked for by the person, in their own name, or by the installation', () => {
    known.when(by(ada, erase())).adds(erased);
    known.when(by(ada, erase(bob))).isRefused('INVALID');
    known.when(by(SYSTEM, erase(bob))).adds({ type: 'UserErased', data: { by: bob } });
    known.when(by(SYSTEM, erase(' '))).isRefused('INVALID');
    for (const actor of [bob, ASSISTANT]) known.when(by(actor, erase())).isRefused('NOT_FOUND');
  });

  it('is asked for once, of a suspended person too', () => {
    for (const state of [gone, given(user, registered, erased, completed)]) {
      state.when(by(SYSTEM, erase())).changesNothing();
    }
    given(user, registered, suspended).when(by(SYSTEM, erase())).adds(erased);
  });

  it('leaves nobody: they cannot even register again', () => {
    for (const state of [gone, given(user, registered, erased, completed)]) {
      for (const command of own) state.when(by(ada, command)).isRefused('NOT_FOUND');
      for (const command of [suspend(), reinstate()]) state.when(by(SYSTEM, command)).isRefused('NOT_FOUND');
    }
  });

  it('is completed once, with the day when the last backup of the keys is gone', () => {
    gone.when(by(SYSTEM, complete())).adds(completed);
    given(user, registered, erased, completed).when(by(SYSTEM, complete())).changesNothing();
    gone.when(by(SYSTEM, complete('in March'))).isRefused('INVALID');
    known.when(by(SYSTEM, complete())).isRefused('INVALID');
  });
});

describe('whatever is asked of a person', () => {
  const chars = fc.constantFrom(0, 3, 3, 3, 50, limits.instructions + 1);
  const names = fc.constantFrom(name(), name(1), sealedText(personKey(bob), 'x'));
  const words = fc.constantFrom({ by: bob, reason: 'so' }, { by: '', reason: '' });
  const data: { [C in UserCommand as C['type']]: fc.Arbitrary<C['data']> } = {
    RegisterUser: fc.record({ name: names, chars }),
    ChangeProfile: fc.record({ name: names, chars }),
    ChangePreferences: fc.record({
      instructions: fc.constantFrom(null, instructions(), instructions(1)),
      chars,
      theme: fc.constantFrom('system', 'light', 'dark'),
      language: fc.constantFrom(null, 'de', '?'),
    }),
    SuspendUser: words,
    ReinstateUser: words,
    EraseUser: fc.constantFrom({ by: ada }, { by: bob }),
    CompleteErasure: fc.constant(complete().data),
  };
  const asked = <T extends UserCommand['type']>(type: T) => fc.record({ type: fc.constant(type), data: data[type] });
  const rare = { weight: 1 } as const;
  const command: fc.Arbitrary<Asked<UserCommand>> = fc
    .tuple(
      fc.constantFrom(ada, ada, SYSTEM, SYSTEM, bob, ASSISTANT),
      fc.oneof(
        { weight: 8, arbitrary: asked('RegisterUser') },
        { weight: 4, arbitrary: asked('ChangeProfile') },
        { weight: 4, arbitrary: asked('ChangePreferences') },
        { weight: 4, arbitrary: asked('SuspendUser') },
        { weight: 4, arbitrary: asked('ReinstateUser') },
        { ...rare, arbitrary: asked('EraseUser') },
        { ...rare, arbitrary: asked('CompleteErasure') },
      ),
    )
    .map(([actor, what]) => ({ ...what, actor, id: ada }));

  it('happens once, in an order that makes sense', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60, size: 'max' }), (commands) => {
        const types = run(user, commands).map(({ type }) => type);
        for (const type of types) seen.add(type);
        expect(types.filter((type) => type === 'UserRegistered').length).toBe(Math.min(types.length, 1));
        expect(types.indexOf('UserRegistered')).toBeLessThanOrEqual(0);
        const erasedAt = types.indexOf('UserErased');
        expect(erasedAt < 0 ? [] : types.slice(erasedAt + 1).filter((type) => type !== 'ErasureCompleted')).toEqual([]);
        const held = types.filter((type) => type === 'UserSuspended' || type === 'UserReinstated');
        expect(held).toEqual(held.map((_, at) => (at % 2 === 0 ? 'UserSuspended' : 'UserReinstated')));
      }),
      { numRuns: 300 },
    );
    expect(seen.size).toBe(7);
  });
});
