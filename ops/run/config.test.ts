import { describe, expect, it } from 'vitest';
import { asksHelp, helpText, readConfig, settings } from './config.js';

describe('configuration', () => {
  it('needs to be told nothing', () => {
    expect(readConfig({}, [])).toEqual({
      host: '127.0.0.1',
      port: 8080,
      opsPort: undefined,
      publicUrl: undefined,
      data: 'data',
      registration: 'open',
      introspection: true,
      masterKeys: [],
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
    expect(readConfig(env, [])).toMatchObject({
      port: 9000,
      opsPort: 0,
      data: '/srv/v',
      registration: 'closed',
      publicUrl: 'http://localhost:9000',
    });
  });

  it('reads flags in both forms, and a flag outranks its variable', () => {
    const config = readConfig({ PORT: '9000', VERBATIM_DATA: 'a' }, ['--port', '9001', '--data=b=c']);
    expect(config).toMatchObject({ port: 9001, data: 'b=c' });
  });

  it('takes an empty variable for none', () => {
    expect(readConfig({ PORT: '', HOST: '' }, [])).toMatchObject({ port: 8080, host: '127.0.0.1' });
  });

  it.each([
    [{ PORT: '80a' }, [], /PORT .*"80a".*0 to 65535/],
    [{ PORT: '65536' }, [], /PORT .*65536/],
    [{}, ['--port', '-1'], /PORT .*"-1"/],
    [{ REGISTRATION: 'maybe' }, [], /REGISTRATION .*"maybe".*open or closed/],
    [{ GRAPHQL_INTROSPECTION: '1' }, [], /GRAPHQL_INTROSPECTION .*on or off/],
    [{ PUBLIC_URL: 'chat.example.org' }, [], /PUBLIC_URL .*http or https/],
    [{ PUBLIC_URL: 'https://a.example/chat' }, [], /PUBLIC_URL .*without a path/],
    [{}, ['--prot', '1'], /--prot is not an option.*--port/],
    [{}, ['--port'], /PORT .*without a value/],
  ])('refuses %j %j and says what is allowed', (env, argv, message) => {
    expect(() => readConfig(env, argv)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it.each([{ HOST: '0.0.0.0' }, { HOST: '10.0.0.4', PUBLIC_URL: 'http://chat.example.org' }])(
    'beyond loopback it refuses plain http: %j',
    (env) => {
      expect(() => readConfig(env, [])).toThrow(/PUBLIC_URL must be an https address.*proxy/);
    },
  );

  it('beyond loopback it is closed unless told otherwise', () => {
    const env = { HOST: '0.0.0.0', PUBLIC_URL: 'https://chat.example.org' };
    expect(readConfig(env, [])).toMatchObject({ registration: 'closed', introspection: false });
    expect(readConfig(env, ['--registration', 'open'])).toMatchObject({ registration: 'open' });
  });

  it('reads master keys, from the environment alone', () => {
    const keys = [1, 2].map((byte) => Buffer.alloc(32, byte));
    const given = keys.map((key) => key.toString('base64')).join(', ');
    expect(readConfig({ VERBATIM_MASTER_KEYS: given }, []).masterKeys).toEqual(keys.map((key) => new Uint8Array(key)));
    expect(() => readConfig({}, ['--master-keys', given])).toThrow(/--master-keys is not an option/);
    expect(() => readConfig({}, ['--undefined', given])).toThrow(/--undefined is not an option/);
  });

  it.each(['c2VjcmV0', `${Buffer.alloc(32).toString('base64')},`, Buffer.alloc(33).toString('base64')])(
    'refuses a master key that is none (%j), and does not repeat it',
    (given) => {
      const refuse = (): unknown => readConfig({ VERBATIM_MASTER_KEYS: given }, []);
      expect(refuse).toThrow(/VERBATIM_MASTER_KEYS .*in place \d .*32 bytes in base64.*openssl/);
      expect(refuse).not.toThrow(given.slice(0, 8));
    },
  );

  it('explains every setting', () => {
    const help = helpText();
    for (const [key, { flag, fallback }] of Object.entries(settings)) {
      expect(help).toContain(`env ${key}${flag === undefined ? ' only' : ''}, default: ${fallback}`);
      expect(help).toContain(flag === undefined ? `${key}=` : `--${flag} `);
    }
    expect(asksHelp(['--port', '1', '--help'])).toBe(true);
    expect(asksHelp(['--port', '1'])).toBe(false);
  });
});
