import { describe, expect, it } from 'vitest';
import { readConfig } from './config.js';
import { givenFor } from './settings.js';

describe('configuration', () => {
  it('needs to be told nothing', () => {
    expect(readConfig({}, {})).toEqual({
      host: '127.0.0.1',
      port: 8080,
      opsPort: undefined,
      publicUrl: undefined,
      data: 'data',
      registration: 'open',
      introspection: true,
      documents: 'any',
      explorer: true,
      verboseErrors: false,
      masterKeys: [],
      oidc: undefined,
      fleet: undefined,
    });
  });

  it('reads the environment', () => {
    const env = {
      PORT: '9000',
      OPS_PORT: '0',
      VERBATIM_DATA: '/srv/v',
      REGISTRATION: 'closed',
      PUBLIC_URL: 'http://localhost:9000/',
    };
    expect(readConfig(env, {})).toMatchObject({
      port: 9000,
      opsPort: 0,
      data: '/srv/v',
      registration: 'closed',
      publicUrl: 'http://localhost:9000',
    });
  });

  it('lets a flag outrank its variable', () => {
    const config = readConfig({ PORT: '9000', VERBATIM_DATA: 'a' }, { port: '9001' });
    expect(config).toMatchObject({ port: 9001, data: 'a' });
  });

  it('takes an empty variable for none', () => {
    expect(readConfig({ PORT: '', HOST: '' }, {})).toMatchObject({ port: 8080, host: '127.0.0.1' });
  });

  it.each([
    [{ PORT: '80a' }, {}, /PORT .*"80a".*0 to 65535/],
    [{ PORT: '65536' }, {}, /PORT .*65536/],
    [{}, { port: '-1' }, /PORT .*"-1"/],
    [{ REGISTRATION: 'maybe' }, {}, /REGISTRATION .*"maybe".*open or closed/],
    [{ GRAPHQL_INTROSPECTION: '1' }, {}, /GRAPHQL_INTROSPECTION .*on or off/],
    [{ PUBLIC_URL: 'chat.example.org' }, {}, /PUBLIC_URL .*http or https/],
    [{ PUBLIC_URL: 'https://a.example/chat' }, {}, /PUBLIC_URL .*without a path/],
  ])('refuses %j %j and says what is allowed', (env, flags, message) => {
    expect(() => readConfig(env, flags)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it.each([{ HOST: '0.0.0.0' }, { HOST: '10.0.0.4', PUBLIC_URL: 'http://chat.example.org' }])(
    'beyond loopback it refuses plain http: %j',
    (env) => {
      expect(() => readConfig(env, {})).toThrow(/PUBLIC_URL must be an https address.*proxy/);
    },
  );

  it('beyond loopback it is closed unless told otherwise', () => {
    const env = { HOST: '0.0.0.0', PUBLIC_URL: 'https://chat.example.org' };
    expect(readConfig(env, {})).toMatchObject({
      registration: 'closed',
      introspection: false,
      documents: 'persisted',
      explorer: false,
    });
    expect(readConfig(env, { graphiql: 'on' })).toMatchObject({ explorer: true });
    expect(readConfig(env, { registration: 'open' })).toMatchObject({ registration: 'open' });
  });

  it('reads master keys, from the environment alone', () => {
    const keys = [1, 2].map((byte) => Buffer.alloc(32, byte));
    const given = keys.map((key) => key.toString('base64')).join(', ');
    expect(readConfig({ VERBATIM_MASTER_KEYS: given }, {}).masterKeys).toEqual(keys.map((key) => new Uint8Array(key)));
    for (const flag of ['VERBATIM_MASTER_KEYS', 'master-keys', 'undefined']) {
      expect(givenFor('VERBATIM_MASTER_KEYS', {}, { [flag]: given })).toBeUndefined();
    }
  });

  it.each(['c2VjcmV0', `${Buffer.alloc(32).toString('base64')},`, Buffer.alloc(33).toString('base64')])(
    'refuses a master key that is none (%j), and does not repeat it',
    (given) => {
      const refuse = (): unknown => readConfig({ VERBATIM_MASTER_KEYS: given }, {});
      expect(refuse).toThrow(/VERBATIM_MASTER_KEYS .*in place \d .*32 bytes in base64.*openssl/);
      expect(refuse).not.toThrow(given.slice(0, 8));
    },
  );
});
