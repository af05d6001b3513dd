import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../run/config.js';
import { settings } from '../../run/settings.js';

// What can be known of docker-compose.yml without Docker.

const root = fileURLToPath(new URL('../../../', import.meta.url));
const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const guide = readFileSync(join(root, 'ops/docs/compose.md'), 'utf8');

type Service = {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly restart?: string;
};

const compose: { readonly services: Readonly<Record<string, Service>> } = parse(text, { merge: true });
const services = Object.entries(compose.services);
const roles = services.filter(([, { environment }]) => environment?.['VERBATIM_ROLES'] !== undefined);

/** The schema of the Compose specification, as the linter brings it along. */
function schemaOf(): object {
  const linter = dirname(createRequire(import.meta.url).resolve('dclint/package.json'));
  const schema: unknown = JSON.parse(readFileSync(join(linter, 'schemas/compose.schema.json'), 'utf8'));
  if (typeof schema !== 'object' || schema === null) throw new Error('the schema is not an object');
  return schema;
}

/** What of the document the Compose specification does not know. */
function faultsOf(document: unknown): readonly string[] {
  const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false, validateSchema: false });
  const validate = ajv.compile(schemaOf());
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`);
}

describe('docker-compose.yml', () => {
  it('is what the Compose specification allows', () => {
    expect(faultsOf(parse(text, { merge: true }))).toEqual([]);
  });

  it('would not be with a key that does not exist', () => {
    const wrong = parse(text.replace('start_period: 120s', 'start_periode: 120s'), { merge: true });
    expect(faultsOf(wrong)).not.toEqual([]);
  });

  it('sets nothing for our roles that they do not know', () => {
    const known = new Set(Object.keys(settings));
    expect(roles.map(([name]) => name)).toEqual(['gateway', 'commands', 'projections', 'assistant']);
    const unknown = roles.flatMap(([name, { environment = {} }]) =>
      Object.keys(environment)
        .filter((key) => !known.has(key))
        .map((key) => `${name}: ${key}`),
    );
    expect(unknown).toEqual([]);
  });

  it('gives each role what it starts with, and no secret that it does not need', () => {
    const secrets = /^(VERBATIM_MASTER_KEYS|OIDC_ADMIN_SECRET|OPS_TOKEN)$/;
    const given = Object.fromEntries(
      roles.map(([name, { environment = {} }]) => [name, Object.keys(environment).filter((key) => secrets.test(key))]),
    );
    expect(given).toEqual({
      gateway: ['VERBATIM_MASTER_KEYS', 'OPS_TOKEN'],
      commands: [],
      projections: [],
      assistant: ['VERBATIM_MASTER_KEYS', 'OPS_TOKEN', 'OIDC_ADMIN_SECRET'],
    });
    const some = Buffer.alloc(32, 1).toString('base64');
    for (const [name, { environment = {} }] of roles) {
      const filled = Object.entries(environment).map(([key, value]) => [
        key,
        value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1').replaceAll(/\$\{\w+:\?\}/g, some),
      ]);
      expect(readConfig(Object.fromEntries(filled), {}).fleet?.roles).toEqual([name]);
    }
  });

  it('pins every image to a version', () => {
    const loose = services.filter(([, { image }]) => !/:v?\d+\.\d+\.\d+(-[a-z]+)?$/.test(image));
    expect(loose.map(([name]) => name)).toEqual([]);
  });

  it('holds no secret: each comes from outside, and nothing starts without it', () => {
    const secret = /(PASSWORD|SECRET|TOKEN|MASTER_KEYS)$/;
    const given = services.flatMap(([name, { environment = {} }]) =>
      Object.entries(environment).map(([key, value]) => ({ name, key, value })),
    );
    const secrets = given.filter(({ key }) => secret.test(key));
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter(({ value }) => !/^\$\{\w+:\?\}$/.test(value))).toEqual([]);
    // Nor in an address.
    expect(given.filter(({ value }) => /:\/\/[^/@]*:[^/@]+@/.test(value.replaceAll(/\$\{\w+:\?\}/g, '')))).toEqual([]);
  });

  it('lets no port be reached from other machines', () => {
    const open = services.flatMap(([, { ports = [] }]) => ports).filter((port) => !port.startsWith('127.0.0.1:'));
    expect(open).toEqual([]);
  });

  it('knows of everything that goes on running whether it is well', () => {
    const blind = services.filter(([, { healthcheck, restart }]) => restart !== 'no' && !healthcheck?.test);
    expect(blind.map(([name]) => name)).toEqual([]);
  });

  it('starts the core alone: what has a profile is needed by nothing that has none', () => {
    const extra = new Set(services.filter(([, { profiles }]) => profiles).map(([name]) => name));
    expect([...extra]).toEqual(['citus-worker-1', 'citus-worker-2', 'citus-join']);
    const needs = services
      .filter(([name]) => !extra.has(name))
      .flatMap(([name, { depends_on = {} }]) =>
        Object.entries(depends_on)
          .filter(([other, { required = true }]) => required && extra.has(other))
          .map(([other]) => `${name} needs ${other}`),
      );
    expect(needs).toEqual([]);
  });

  it('has everything that can be set explained', () => {
    const variables = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name));
    expect([...variables].filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
    const required = new Set([...text.matchAll(/\$\{(\w+):\?\}/g)].map(([, name = '']) => name));
    expect([...required].filter((name) => !guide.includes(`\n${name}=`))).toEqual([]);
  });
});
