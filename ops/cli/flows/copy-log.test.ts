import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { kafkaForTests } from '../../../commands/kafka/testing.js';
import { openKeys } from '../../../commands/keys/postgres.js';
import { readKeys } from '../../../commands/keys/sqlite.js';
import { openKafkaLog } from '../../../commands/log/kafka.js';
import { takeover } from '../../../commands/log/testing.js';
import { personKey } from '../../../domain/content.js';
import { type Realm, openRealm } from '../../../gateway/identity/keycloak-testing.js';
import { openPostgres } from '../../../projections/readmodel/postgres.js';
import { type Person, at, register, withToken } from '../../chaos/person.js';
import { type Server, startServer } from '../../chaos/server.js';
import { readThrough } from '../../moving/testing.js';
import { ownDatabase } from '../../run/database.js';
import { type Known, type Seen, see } from '../../run/folders/seen.js';
import { describeWith } from '../../run/needs.js';
import { freePort } from '../../run/port.js';
import { verbatim } from '../testing.js';

// A whole installation with people who talk in it moves into a fleet of real systems, by the command that people type.

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const base64 = (key: Uint8Array): string => Buffer.from(key).toString('base64');
const [ofFolder, ofFleet] = [random(32), random(32)] as const;
const PARTITIONS = 8;

/** Says something in a new conversation, which it names, so that no title comes later, and waits for the answer. */
async function talk(person: Person, text: string): Promise<Known> {
  const ids = {
    conversation: `conversation_${person.newId()}`,
    message: `message_${person.newId()}`,
    reply: `message_${person.newId()}`,
  };
  const start = 'mutation ($input: ConversationStartInput!) { conversationStart(input: $input) { __typename } }';
  const input = { commandId: person.newId(), ...ids, text };
  expect(at(await person.ask(start, { input }), 'conversationStart', '__typename')).toBe('Accepted');
  const rename = 'mutation ($input: ConversationRenameInput!) { conversationRename(input: $input) { __typename } }';
  const name = { commandId: person.newId(), conversation: ids.conversation, title: `About “${text}”` };
  expect(at(await person.ask(rename, { input: name }), 'conversationRename', '__typename')).toBe('Accepted');
  const ended = 'query ($id: ID!) { node(id: $id) { ... on Message { reply { status } } } }';
  while (!/COMPLETED|FAILED/.test(JSON.stringify(await person.ask(ended, { id: ids.reply })))) await sleep(100);
  return { conversations: [ids.conversation], messages: [ids.message, ids.reply] };
}

const bare = (id = ''): string => id.slice(id.indexOf('_') + 1);

describeWith('KAFKA_BROKERS', 'copy-log', (brokers) => {
  describeWith('DATABASE_URL', 'into a fleet', (server) => {
    const kafka = kafkaForTests(brokers);
    let temp: string;
    let data: string;
    let database: Awaited<ReturnType<typeof ownDatabase>>;
    let env: Readonly<Record<string, string>>;
    let house: Server;
    let ada: Person;
    let greta: Person;
    /** Has an account, and is erased after the move. */
    let hugo: Person;
    let known: Known;
    let gone: Known;
    let seen: Seen;

    beforeAll(async () => {
      temp = mkdtempSync(join(tmpdir(), 'verbatim-moving-'));
      data = join(temp, 'data');
      database = await ownDatabase(server);
      env = {
        KAFKA_BROKERS: brokers,
        KAFKA_PREFIX: kafka.newPrefix(),
        KAFKA_REPLICATION: '1',
        PARTITIONS: String(PARTITIONS),
        DATABASE_URL: database.url,
        REDIS_URL: process.env['REDIS_URL'] || 'redis://127.0.0.1:6379',
        OIDC_ISSUER: 'http://127.0.0.1:1/realms/verbatim',
        VERBATIM_MASTER_KEYS: [ofFleet, ofFolder].map(base64).join(),
      };
      house = await startServer({ data, env: { GRAPHQL_DOCUMENTS: 'any', VERBATIM_MASTER_KEYS: base64(ofFolder) } });
      await house.ready;
      [ada, greta] = [await register(house.url, 'ada'), await register(house.url, 'greta')];
      hugo = await register(house.url, 'hugo');
      [known, gone] = [await talk(ada, 'What moves?'), await talk(greta, 'Forget me.')];
      const erase = 'mutation ($commandId: UUID!) { accountErase(input: { commandId: $commandId }) { __typename } }';
      await greta.ask(erase, { commandId: greta.newId() });
      seen = await see(ada, known);
    });
    afterAll(async () => {
      await house.kill();
      await database.drop();
      rmSync(temp, { recursive: true, force: true });
    });

    const move = (more: readonly string[] = [], other: Readonly<Record<string, string>> = {}) =>
      verbatim(['copy-log', '--from', data, '--to', 'fleet', ...more], { ...env, ...other }).ended;

    it('is refused while the server has the folder, which is named', async () => {
      const told = expect.stringMatching(new RegExp(`^DATA_LOCKED: .* is in use by process \\d+, at ${house.url}`));
      expect(await move()).toEqual({ code: 1, lines: [], told });
      const inFolder = () => readKeys({ file: join(data, 'keys.db'), masters: [ofFolder] });
      await expect.poll(() => inFolder().get(personKey(greta.user))).toBeNull();
      expect(await house.stop()).toBe(0);
    });

    it('is refused without the master key of the folder, and where there is no fleet', async () => {
      const locked = { code: 1, told: expect.stringMatching(/^KEYS_LOCKED: .*VERBATIM_MASTER_KEYS/) };
      expect(await move([], { VERBATIM_MASTER_KEYS: base64(ofFleet) })).toMatchObject(locked);
      const nowhere = { code: 2, told: expect.stringMatching(/^CONFIG_INVALID: KAFKA_BROKERS is not set/) };
      expect(await verbatim(['copy-log', '--from', data, '--to', 'fleet']).ended).toMatchObject(nowhere);
      const where = { code: 2, told: expect.stringMatching(/^USAGE: Say where to: --to fleet/) };
      expect(await verbatim(['copy-log', '--from', data]).ended).toMatchObject(where);
    });

    it('moves everything, says so step by step, and what is left to do', async () => {
      const { code, lines, told } = await move();
      expect({ code, told }).toEqual({ code: 0, told: '' });
      expect(lines.join('\n')).toMatch(
        /Checking .*Copying the log into 8 .* events in .*Copying the keys.*2 keys; 1 are destroyed.*The \d accounts stay.*all of it is the same.*CURSOR_EXPIRED.*30 days/s,
      );
    });

    it('has what was said read in the fleet as it was, and what was erased not at all', async () => {
      const { KAFKA_PREFIX: prefix = '' } = env;
      const newId = (): never => {
        throw new Error('the log is there');
      };
      const log = await openKafkaLog({
        kafka: kafka.connection(),
        prefix,
        partitions: PARTITIONS,
        replication: 1,
        newId,
      });
      const db = await openPostgres({ url: database.url, pool: 4 });
      const keys = await openKeys({ db, random, masters: [ofFleet] });
      const ids = [...known.messages, ...gone.messages].map(bare);
      const texts = await readThrough({ log, db, keys }, ids);
      for (const id of known.messages) {
        const text = at(seen.messages, id, 'parts', 0, 'text');
        expect(text).toEqual(expect.any(String));
        expect(texts[bare(id)]).toBe(text);
      }
      expect(texts[bare(gone.messages[0])]).toBeNull();
      await expect(keys.ensure(personKey(greta.user))).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
      await db.close();
      await log.close();
    });

    it('may be done again, and finds all of it there', async () => {
      const { code, lines } = await move();
      expect(code).toBe(0);
      expect(lines.join('\n')).toMatch(/Looking whether it is this one.*2 keys; 1 are destroyed/s);
    });

    it('is refused into a log that holds something else', async () => {
      const prefix = kafka.newPrefix();
      const log = await openKafkaLog({
        kafka: kafka.connection(),
        prefix,
        partitions: PARTITIONS,
        replication: 1,
        newId: ada.newId,
      });
      await log.append(3, [takeover('somebody', 1)]);
      await log.close();
      const told = expect.stringMatching(/^TARGET_NOT_EMPTY: .*KAFKA_PREFIX/);
      expect(await move([], { KAFKA_PREFIX: prefix })).toMatchObject({ code: 1, told });
    });

    describeWith('KEYCLOAK_URL', 'and its accounts', (url) => {
      let realm: Realm;
      let port: number;
      beforeAll(async () => {
        ({ port } = await freePort('127.0.0.1', 0));
        realm = await openRealm(url, { publicUrl: `http://localhost:${port}` });
        const { clientSecret } = realm.adminClient;
        env = { ...env, OIDC_ISSUER: realm.issuer, OIDC_ADMIN_URL: url, OIDC_ADMIN_SECRET: clientSecret };
      }, 120_000);
      afterAll(() => realm?.close());

      it('is told which role it lacks, before anything is written', async () => {
        const prefix = kafka.newPrefix();
        const told = expect.stringMatching(/^IDENTITY_REFUSED: .*manage-realm/);
        expect(await move([], { KAFKA_PREFIX: prefix })).toMatchObject({ code: 1, told });
        expect(await move(['--accounts-only'])).toMatchObject({ code: 1, told });
      });

      it('brings people under the subjects that they had, but nobody who is erased', async () => {
        await realm.allowAdmin('manage-realm');
        const db = await openPostgres({ url: database.url, pool: 1 });
        await (await openKeys({ db, random, masters: [ofFleet] })).destroy(personKey(hugo.user));
        await db.close();
        const first = await move(['--accounts-only']);
        expect(first).toMatchObject({ code: 0, told: '' });
        expect(first.lines.join('\n')).toMatch(/1 accounts are new at Keycloak, 0 were there; \d of erased/);
        const again = await move();
        expect(again).toMatchObject({ code: 0, told: '' });
        expect(again.lines.join('\n')).toMatch(
          /1 keys; 2 are destroyed.*0 accounts are new at Keycloak, 1 were there/s,
        );
        for (const name of ['greta', 'hugo']) {
          expect(await realm.list(`/users?exact=true&username=${name}`)).toEqual([]);
        }
      });

      describeWith('REDIS_URL', 'and then the fleet', () => {
        let fleet: Server | undefined;
        afterAll(() => fleet?.kill());

        it('starts, and ada signs in with her password and sees what she saw', async () => {
          const only = { VERBATIM_MASTER_KEYS: base64(ofFleet), GRAPHQL_DOCUMENTS: 'any' };
          fleet = await startServer({ data, port, env: { ...env, ...only } });
          await fleet.ready;
          const { url: page, redeem } = await (await realm.client()).begin();
          const browser = realm.browser();
          const form = { username: 'ada', password: 'the password of ada', credentialId: '' };
          const tokens = await redeem(await browser.submit(await browser.open(page), form));
          const person = await withToken(fleet.url, tokens.access_token);
          expect(person.user).toBe(ada.user);
          expect(await see(person, known)).toEqual(seen);
          const more = await talk(person, 'What stays?');
          expect(at(await see(person, more), 'messages', more.messages[0] ?? '', 'parts', 0, 'text')).toBe(
            'What stays?',
          );
        });
      });
    });
  });
});
