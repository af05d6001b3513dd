import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { contentTable, schemaOf } from '../../domain/catalogue.js';
import { type Envelope, sha256 } from '../../domain/event.js';
import { upcasters } from '../../domain/upcasters.js';
import { type EventSchemas, type Schema, describeEvents, publish, schemaFile } from './event-schema.js';

const published: EventSchemas = JSON.parse(readFileSync(schemaFile, 'utf8'));
const described = describeEvents();

const golden: readonly Envelope[] = readFileSync(new URL('../../domain/golden.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

// What is published, by its hash. A line is never edited: what was written under a type and version is in the log for
// ever. A new version adds a line.
const pins = [
  'BranchChosen 1 Gr-TXbcIO2x8rWSQBsExX0jhGw7UG0FJUMPOYIXe7V4',
  'ConversationArchived 1 ycNo4Y9rfIXeYK2LyiJJXUcjefw8aHptbW-N70e--AQ',
  'ConversationDeleted 1 wagJrNkFE310jNVXUd1-QdNmBM7rLhMvFAsEGqZMeGM',
  'ConversationExpired 1 nvl47j-_JSchZZAWvD7e3lDg115PLbzz49hFabox_zI',
  'ConversationHidden 1 uYZ_VnvzBW-mQEwrmHi6FFe5aIAOaQU2jahX5uHTyOk',
  'ConversationPinned 1 yvuEFVI1ma5ogidAZQxva02oKpGFQnznhKOecVA0pDY',
  'ConversationPurged 1 hZuplYxByFBJm1JE1fMXCOjGItc9E8kklhw4_kyJENw',
  'ConversationRead 1 JYb5ogxnH3Jj9wWjjrnx6T-gU4TmxeBWCjCMvEsqIAs',
  'ConversationRenamed 1 pYp8-nNGXRwxv3lmdrzA5d7-Y6hNL8jZW7JIqC65ySs',
  'ConversationRestored 1 3exw67C0BCSE26secXa4OxEwFYnJfh6XOh43ySNtrTo',
  'ConversationShared 1 7f-CF3T4U6lQ-pSwtf4v-O0ZjbOMfPRuhuxKNYFt7Qw',
  'ConversationStarted 1 59DWkz2Lz9BW9-uUGKNd7wsAnXPOhVGaSf23ETqiXMI',
  'ConversationStarted 2 Rooq_DbFcxhEtbioZonanwBKh9TGZ7iw7-pPTHqQYZY',
  'ConversationTagged 1 1UY1ywmkqhdG_H-7eWWhE2nIy3eB8yFMtnM9sgrwMaA',
  'ConversationUnshared 1 -4NHwQqXZfDDAd8euzmLymtCHOgJQasZN7knx8V1Ygk',
  'Envelope 1 WTZ-GmBFar-fObXYsNMv0ixQonAbcs8MP2h5gQ-vfSE',
  'ErasureCompleted 1 AYryBPnyedySyv7UIe2SSMTp1Z1SpMKWPX0q3qEje1U',
  'FeedbackGiven 1 EOl1-vO8LrlxQ_t30BbsRYfA0iKvbXvMX70XNg7meu0',
  'MemberAdded 1 wOp9kBhpU7zXytrBuMUHrUE5qz-614oQn-e6K1a0RyQ',
  'MemberErased 1 o6--MXYud3mx9qBs8k4cAZ3V-32BIhNClYKYZkYjhCg',
  'MemberRemoved 1 G0LU1HJEC_eDQnUPGr1SKMSohCKf1MmbzeL9bAcDGt4',
  'MemberRoleChanged 1 mhQ8tbpZLjYh-DWMDRy5CePuyjK8qN9oxELQ7VurXec',
  'MembershipJoined 1 4RfnnEEyAW60T2oJLNjRSVv76Qf4CicmCIlcTIYm_bA',
  'MembershipLeft 1 SgQC5PsHeP05V4ozmAc88C8K9bHeVBAa4mtG0liuVSs',
  'MembershipTold 1 7L8Lmoz4Wm-qQA_8n3wqe6CF3YUcVRxNzP2-CAWuILU',
  'MessagePosted 1 fdHcAQklKOLGGpw4RdNyb8k6lkLbAWP0_c6xIYreIpg',
  'MessagesCopied 1 kPCJFHtXueWEQIbwcQVa6aLVk8n5C21-RYnfPI2EanA',
  'OperatorActed 1 VQMImZH4yrnYtkleEFveXf4OyOU1p3y36i7Y3m97ez0',
  'PreferencesChanged 1 mo1CfP6FXf8RAYzn01soSLOGQAeYX1TwAijIEi4bWtw',
  'ProfileChanged 1 v6lMvpKTnF977CwR6rCAUkL5k37bl616rMzFMwWp1Vg',
  'ReplyCompleted 1 NgHjzCpLboh7XtYVcu-wyELLF2GNWB3sZcJO2Wep7Ls',
  'ReplyFailed 1 ihavpwaChhNhqjTXh-8BiUMWnFxRbfE3u2BWWj3j7Tk',
  'ReplyRequested 1 ojfgbjB9QB_6qV4KltCexq7z6r2DoRpGKcrUcy47D8I',
  'ReplyStarted 1 6NZU5Hf6GfmrTA8AAMidSgD34fqYpFx47u64YPYVCbc',
  'ReplyStopRequested 1 2H9FPeuLn0_wr-XuRBv9v9pf0-ynr-RVhpXEf6FnldA',
  'ReplyStopped 1 gMU3wGn1j3UoLU83i9SUO63o1XcruLNIts9WfIGZkz8',
  'RolesGranted 1 iRjkEHDULfUUaSjuuYcAzBtNeo9UjY-vNwG69VKndxE',
  'SettingChanged 1 U2y83TUi0q2zCszBxawc9HJ5AIm5l2X9t5JzT--3Zz8',
  'TitleFailed 1 vL7rY3-JnkcQSrGHjDjAbgRZF-E7pXfNgp0KPMuaG28',
  'TitleStarted 1 9JqsPb9Hk-ASth1WJN7WMZT1tGm2uKwELwnWG5XRGCo',
  'UserErased 1 LaghDW1q9GvzE93nMMhj_OKjnF69V8qvn1Q1ghK8dgg',
  'UserRegistered 1 _nqFoX3wjrJJ8Pk38VhCSN_xicphWLKsuJZ2SRZxDV0',
  'UserReinstated 1 0M4i9h3JCTynaRHg11eeqg0J8Z-UtaOoIQriJit_3Tw',
  'UserSuspended 1 f9XVzjgfiDnvePHfIIk9gpoKkcziHDBQl5lcQ91gFO0',
];

/** Every published schema with its name. */
const entries = (schemas: EventSchemas): readonly (readonly [string, Schema])[] =>
  Object.entries(schemas).flatMap(([type, versions]) =>
    Object.entries(versions).map(([version, schema]) => [`${type} ${version}`, schema] as const),
  );

describe('the schema of the events', () => {
  it('is what the types say: npm run schema:events writes it', () => {
    expect(published).toEqual(described);
  });

  it('holds every type, in every version from 1 to the one written today', () => {
    const { Envelope: _, ...events } = described;
    const versions = Object.keys(contentTable).map((type) => [
      type,
      Array.from({ length: schemaOf(type) }, (_of, at) => String(at + 1)),
    ]);
    expect(Object.fromEntries(versions)).toEqual(
      Object.fromEntries(Object.entries(events).map(([type, schemas]) => [type, Object.keys(schemas)])),
    );
    for (const { type, from } of upcasters) expect(described[type]).toHaveProperty(String(from));
  });

  it('never changes once it is published', () => {
    const hashes = new Map(entries(published).map(([name, schema]) => [name, sha256(schema)]));
    expect(pins.filter((pin) => pin !== `${pin.slice(0, -44)} ${hashes.get(pin.slice(0, -44))}`)).toEqual([]);
  });

  it('describes the golden events, their envelopes and their data', () => {
    const ajv = new Ajv2020({ strict: true, allErrors: true });
    for (const { data, ...around } of golden) {
      const schemas = [described['Envelope']?.['1'], described[around.type]?.[String(around.schema)]];
      for (const [at, schema] of schemas.entries()) {
        if (!schema) throw new Error(`no schema of ${around.type} version ${around.schema}`);
        ajv.validate(schema, at === 0 ? { data, ...around } : data);
        expect({ type: around.type, errors: ajv.errors }).toEqual({ type: around.type, errors: null });
      }
    }
  });

  it('tells what is wrong with an event that is not as it says', () => {
    const [schema, event] = [described['UserRegistered']?.['1'], golden.find(({ type }) => type === 'UserRegistered')];
    const valid = new Ajv2020().compile(schema ?? {});
    expect(valid(event?.data)).toBe(true);
    for (const wrong of [{ chars: '3' }, { chars: undefined }, { more: 1 }, { name: null }]) {
      expect(valid(JSON.parse(JSON.stringify({ ...event?.data, ...wrong })))).toBe(false);
    }
  });
});

describe('publishing a schema', () => {
  const before: EventSchemas = { Painted: { '1': { type: 'object', required: ['colour'] } } };

  it('takes what is as it was, new versions and new types', () => {
    const [two, other] = [{ type: 'object' }, { type: 'object', title: 'other' }];
    for (const after of [
      before,
      { Painted: { ...before['Painted'], '2': two } },
      { ...before, Framed: { '1': other } },
    ]) {
      expect(publish(before, after)).toBe(after);
    }
  });

  it.each([
    { Painted: { '1': { type: 'object', required: ['colour', 'size'] } } },
    { Painted: { '1': { type: 'object' } } },
    { Painted: { '2': { type: 'object', required: ['colour'] } } },
    {},
  ])('refuses to change or to lose what is published: %j', (after: EventSchemas) => {
    expect(() => publish(before, after)).toThrow(/Painted version 1 is published and cannot change/);
  });
});
