import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../commands/worker/limits.js';
import { readConfig } from './config.js';
import { PEOPLE } from './settings.js';

const least = {
  KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092',
  DATABASE_URL: 'postgres://verbatim:hunter2@db:5432/verbatim',
  REDIS_URL: 'redis://r-1:6379,r-2:6379',
  OIDC_ISSUER: 'https://id.example.org/realms/verbatim/',
  VERBATIM_MASTER_KEYS: Buffer.alloc(32, 1).toString('base64'),
};
const given = (more: Readonly<Record<string, string>>) => readConfig({ ...least, ...more }, {});

describe('configuration of a fleet', () => {
  it('begins where brokers are named, and follows from the least that it needs', () => {
    expect(given({}).fleet).toEqual({
      roles: ['gateway', 'commands', 'projections', 'assistant'],
      brokers: ['kafka-1:9092', 'kafka-2:9092'],
      prefix: 'verbatim.',
      replication: 3,
      partitions: 16,
      databaseUrl: least.DATABASE_URL,
      redisUrl: least.REDIS_URL,
      namespace: PEOPLE,
      opsHost: '127.0.0.1',
      opsToken: undefined,
      // What a worker takes that is told nothing.
      streamRoom: LIMITS.room,
      drainMs: 10_000,
    });
    expect(given({}).oidc).toEqual({
      issuer: 'https://id.example.org/realms/verbatim',
      jwksUrl: 'https://id.example.org/realms/verbatim/protocol/openid-connect/certs',
      clientId: 'verbatim-ui',
      admin: undefined,
    });
  });

  it('reads what a process is there for, and where its identity provider is', () => {
    const { fleet, oidc } = given({
      VERBATIM_ROLES: 'commands, assistant',
      OIDC_JWKS_URL: 'http://keycloak:8080/realms/verbatim/protocol/openid-connect/certs',
      OIDC_ADMIN_URL: 'http://keycloak:8080',
      OIDC_ADMIN_SECRET: 'hush',
      STREAM_MEMORY_MB: '2',
    });
    expect(fleet).toMatchObject({ roles: ['commands', 'assistant'], streamRoom: 2_097_152 });
    expect(oidc).toMatchObject({
      jwksUrl: 'http://keycloak:8080/realms/verbatim/protocol/openid-connect/certs',
      admin: { url: 'http://keycloak:8080', clientId: 'verbatim-admin', secret: 'hush' },
    });
  });

  it('may listen on all addresses where browsers come over loopback, as in a container', () => {
    expect(given({ HOST: '0.0.0.0', PUBLIC_URL: 'http://localhost:8080' })).toMatchObject({ host: '0.0.0.0' });
    expect(() => given({ HOST: '0.0.0.0', PUBLIC_URL: 'http://chat.example.org' })).toThrow(/https/);
  });

  it.each(['DATABASE_URL', 'REDIS_URL', 'OIDC_ISSUER', 'VERBATIM_MASTER_KEYS'])(
    'names %s where it is missing',
    (key) => {
      expect(() => given({ [key]: '' })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(`needs ${key}`) }),
      );
    },
  );

  it('gives no key to who only decides or projects', () => {
    const without = { VERBATIM_ROLES: 'commands,projections', VERBATIM_MASTER_KEYS: '', OIDC_ISSUER: '' };
    expect(given(without)).toMatchObject({ masterKeys: [], oidc: undefined });
    expect(() => given({ ...without, VERBATIM_ROLES: 'assistant' })).toThrow(/needs VERBATIM_MASTER_KEYS/);
  });

  it.each([
    [{ VERBATIM_ROLES: 'gateway,worker' }, /VERBATIM_ROLES .*"gateway,worker".*commands/],
    [{ KAFKA_BROKERS: 'kafka' }, /KAFKA_BROKERS .*host:port/],
    [{ KAFKA_PREFIX: 'a b' }, /KAFKA_PREFIX .*letters/],
    [{ KAFKA_REPLICATION: '0' }, /KAFKA_REPLICATION .*from 1 to 9/],
    [{ PARTITIONS: '5000' }, /PARTITIONS .*from 1 to 4096/],
    [{ OIDC_ISSUER: 'keycloak' }, /OIDC_ISSUER .*address/],
    [{ OIDC_ADMIN_URL: 'http://keycloak:8080' }, /needs OIDC_ADMIN_SECRET/],
    [{ VERBATIM_NAMESPACE: 'people' }, /VERBATIM_NAMESPACE .*UUID/],
    [{ OPS_TOKEN: 'short' }, /OPS_TOKEN .*32/],
    [{ STREAM_MEMORY_MB: '6.5' }, /STREAM_MEMORY_MB .*0 to 1024/],
    [{ DRAIN_SECONDS: '-1' }, /DRAIN_SECONDS .*0 to 600/],
  ])('refuses %j and says what is allowed', (more, message) => {
    expect(() => given(more)).toThrow(message);
  });

  it.each(['DATABASE_URL', 'REDIS_URL'])('does not repeat %s, which may hold a password', (key) => {
    const refuse = (): unknown => given({ [key]: 'mysql://verbatim:hunter2@db' });
    expect(refuse).toThrow(new RegExp(`${key} is not an address`));
    expect(refuse).not.toThrow(/hunter2/);
  });

  it('may have its people sign in elsewhere without being a fleet', () => {
    const { fleet, oidc } = readConfig({ OIDC_ISSUER: 'http://127.0.0.1:8080/realms/verbatim' }, {});
    expect(fleet).toBeUndefined();
    expect(oidc).toMatchObject({ issuer: 'http://127.0.0.1:8080/realms/verbatim' });
  });

  it('refuses a role for a process without brokers', () => {
    expect(() => readConfig({ VERBATIM_ROLES: 'gateway' }, {})).toThrow(/KAFKA_BROKERS is not set/);
    expect(readConfig({ VERBATIM_ROLES: 'all' }, {}).fleet).toBeUndefined();
  });
});
