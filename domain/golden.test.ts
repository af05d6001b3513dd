import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Recorded, blankAggregate, contentTable, decode } from './catalogue.js';
import { type Envelope, hashOf } from './event.js';
import { bucketOf, isUuid, parseStream } from './ids.js';

// One stored example of every event type and version, as the log holds it. A line is never edited: what is stored under a
// type and version stays readable for ever. A new version adds lines, and their hashes, at the end.

const lines = readFileSync(new URL('./golden.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');
const stored: readonly Envelope[] = lines.map((line) => JSON.parse(line));

const pins = [
  'RolesGranted mlW7-r3iHKTHyq4y3DgroWN3p4k-UN0-PjxQGm_3Efw',
  'UserRegistered 0foEBziJf0ks9-gUaHhgaEPqzfd5y9WSxvA0ks-AEXs',
  'ConversationStarted homyRe3vNoKohdsQVu2fi6Ugr0H9G7OlcsosHjq48Iw',
  'MessagePosted 0GRn2kSGdGOh2DELz6-kR9dyu00rPldIn-XD8jObkX4',
  'ReplyRequested iFvVUTO_WbNoUiujvQOyRdVkEZxnk6E-EdwXkHehZ_8',
  'ReplyStarted lljptLFzqLuLOXCeWID6qhEZxYmCV-4maOQisNRPOUg',
  'ReplyCompleted hdwjOxhV_iD5ozTZ9d3Yu6YI29h0Nv7bbQfxay-nPnE',
  'MessagePosted mVY7TXYN_DuQWWvUacdihqRwJRS3KsYOG8ZupfQ5oqY',
  'ReplyRequested ihBeaV-vRytl8PUuFU6he_CL88UCyc7V4uP0hpDj22w',
  'ReplyStarted lpKr6xNv6ZhZmjjuoQPgIW1XyLyWC1OK--mmHKSzvug',
  'ReplyStopRequested _qH-zNCZ2HsbYyOVBPVBvyTCdVxriTl5NDYLnYZirO4',
  'ReplyStopped Adl81Lpf56VMf5Vmgxdy3SzjihiCTgxeF5zwDo67TjI',
  'MessagePosted NHDTxcJRTYGayEpk8K_wEeXbQI-_U81Abd9EQotCy0E',
  'ReplyRequested N7PTGKM-0HlGh1YtLV2JpM0sIAUrUq4jbdgDKsqc3RY',
  'ReplyStarted QgDzzUFWvRBkBsNm2rf5SzSV9RZI2bL2_yt2MmHr5YE',
  'ReplyStarted 7yZ4Yqt31GONkqAtkjP-BrS1fTSvzNoFSj_HW5hysy4',
  'ReplyFailed tboG0wmc274zQgxMaxPnjxsAsXDMk9qo65tyuI7PWsg',
  'ConversationRead yMdaNK6X-8Yeb43yOcsE8a2aGV64BPZQ2fIjU10klgI',
  'ConversationRenamed RqDEFsMFEiDdO_89wueNHhRJu2-sXfAvxOIVLf46luU',
  'ConversationDeleted T31avT-NwL-5ruiPC15BnPJZSdlAjNejjkdt9nJIB8E',
  'ProfileChanged KqBqxslw_5y0-s59g9OXIBNtBrIVtaB3C5_H5NCFIX8',
  'PreferencesChanged ibrU2-H_PoyV_jpf9bS6ezo6hcF1ncbzrWd2VMijqY8',
  'PreferencesChanged XXw0Kagj_6UW42DsIDk15_t19K4KTXUjU7IA-njGaNM',
  'SettingChanged tp0wOYAYkohCoZL7tdIzpccDeV7I7PkDpn9DuoYIkcw',
  'OperatorActed N-aJkCJ-n_mxNK_zTyBqb2jq5mxuiIgBPV8gJYJNNno',
  'ConversationRestored 1OqRc3objPwJ9tfF8tQkBRMRffKolP3856dZgTPPCXA',
  'UserRegistered 88PvRbUpEoSjGBoqVFIuDXYOENJAPNxsDO28rihYKrc',
  'MemberAdded FBGNYCQ1Te8LurUwHjLsg5vosTut-lY7U9l5KReZeU0',
  'MembershipJoined gUOl-PrOtARNiRtvYysLxgxj6XQG2_hwM3uDe0Ty9lg',
  'MembershipTold WIqmL8YOw5vBGcsKOhvRIUa4qs1wdyS0iqkzuj2yRZ0',
  'MemberRoleChanged m5zv8wJoxi8HGaJGPtEwynMXjbsInq9qoAqqKuMnvlo',
  'FeedbackGiven SadwEolU0b2ttzgBXN5M_ApQb8KXmndXRnKYlhCteMk',
  'FeedbackGiven B-cNq2yZGYoIIt_lx7Lj4zeF9hSRjes9qBYRip7evDY',
  'ConversationShared 2hLsiH-7auEb2KybJ6dMYSPg6IEIXjVpuipU1vRGPIE',
  'ConversationUnshared 1Ri17uPmrwxGPgUmsWt4ZFA0ZZEgza8Rz4QU4LFtuTw',
  'MemberRemoved lI4eQ__2YhZ6YI72WMZ6rOxBpwUg6HY5gRxoGe39Je0',
  'MembershipLeft y4CFHK4fGTVlcAGkgL7haiT-hputRNeFz360VfwX3Fg',
  'MembershipTold FxnXPrCt-EF8YIJbgOjWaa35r1d-DOJV-PsVK7SXaX8',
  'MemberAdded no1kXVjZRU9LfocBNSto7nLbjxZljyN3ulIll1uP9l8',
  'ConversationPinned 09YfWzPzXIQslh0S3s9S4_6ZTyVgHCrZl5j6JMC6utY',
  'ConversationArchived WixS_hbvk0Sk9SrvcOC8Bd3AM6YDmHYkLr4E1vfbwyc',
  'ConversationTagged 4754MSEDp4zkFbDi1Dc9W0giS-DJVkXX4KKwIfW-EPA',
  'BranchChosen 9mfExslKsVJNbE3EERUBJLq6VV1mdCxwEfvwdxcCFvg',
  'ConversationHidden jStWzrM7mSEJ41DN638u6v36Yd3mRtz-6BMnn6gPbWE',
  'ConversationStarted zfERPo3uLofp0UaXp-ufSYg6fnN37FvxRPYUNW3PyAU',
  'MessagesCopied wO4oFgUiEYwgevpEep73png047aYSMU1cmWLAF2N3qc',
  'TitleStarted LXF1pG-eNQclcHBrn16XxEkeKTEPdlF4BexSCkH4Drk',
  'TitleFailed Su-3xBZRdjyju07H8XPlaB4HhyjkqLQX4MuAD7eTAcg',
  'ReplyRequested xPAzB73dwFvSmvUDlJUsMfHrh_Ms4Hy4mut64ZEMaVE',
  'ConversationStarted wvLV5miD40OtcG5yhugYXM3pu3IBCDVjua4Hy_1HKl4',
  'MessagePosted wTBOHa0kERN9gBPlhhwcuaRfHL5oweQxelwO7COwVIA',
  'ReplyRequested DSrBlTWVGxwLtSIfsGur3Ipw22DBUhqv17etNYZ70DY',
  'ReplyStarted A4kZwXPd4WpWS57Xc0b8DjOgId-b_jzUIl1HT8xZHkQ',
  'ReplyCompleted G1bcL9hAXmprIoLi-Ez5_yp7bJJfNDvz_mDUllrOLH4',
  'TitleStarted uwTYj5Dk0yoCHjP95O_c_3d2Q4SQT5u5a0J4nFSs-q8',
  'ConversationRenamed JGDyfHqBJ2aHaB5LeakfvkaAK3H_w-dR6nsYD4RYqSA',
  'UserSuspended toRjhkxzsxCA80MNAYqHEbgpRX6oI59C4u5GS72YEXo',
  'UserReinstated qdFFSUaf1K1pA95LzjjDIZ980jtzbfpGtb5jV3rJgM4',
  'UserErased O8DaMkjpBHWqnUezQQoptFvBu_tefKDzNASeDW3PvgY',
  'MemberErased P9BdbXB2Tn7eZdh2XPqifpjIZlVWL3VdHNO9bzX9c98',
  'ErasureCompleted Zkx5j9dFyUR-ceaZgArRPxCW5qMeQBSrZmKVuLJYuFE',
  'ConversationExpired CpgoBV3DNscVul2KTGw1WIOQNBeBBrrsPgBoRZ_upko',
  'ConversationPurged tFZTzTcR5dFZOtD8VzU1FI1zZnzm9I6bG5su7AYeJtw',
];

/** Over the very bytes of a line, whatever they mean. */
const pinOf = (line: string): string => createHash('sha256').update(line).digest('base64url');

const tables: ReadonlyMap<string, Readonly<Record<string, 'sealed' | 'clear'>>> = new Map(Object.entries(contentTable));

/** The values of an event's fields of one kind. */
const fieldsOf = ({ type, data }: Recorded, kind: 'sealed' | 'clear'): readonly unknown[] =>
  Object.entries(data)
    .filter(([field]) => tables.get(type)?.[field] === kind)
    .map(([, value]: [string, unknown]) => value);

/** Every object in a value, itself included. */
function objectsIn(value: unknown): readonly object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

const boxesIn = (value: unknown) =>
  objectsIn(value).filter(
    (found): found is { key: unknown; content: unknown; box: string } =>
      'key' in found && 'content' in found && 'box' in found && typeof found.box === 'string',
  );

describe('the golden events', () => {
  it('are as they were written', () => {
    expect(lines.map((line, at) => `${stored[at]?.type} ${pinOf(line)}`)).toEqual(pins);
  });

  it('have an example of every type that there is', () => {
    expect(new Set(stored.map(({ type }) => type))).toEqual(new Set(tables.keys()));
  });

  it('can be read and folded', () => {
    const streams = new Map<string, ReturnType<typeof blankAggregate>>();
    for (const event of stored.map(decode)) {
      streams.set(event.stream, (streams.get(event.stream) ?? blankAggregate(event.stream)).evolve(event));
    }
    const states = [...streams.values()].map(({ state }) => state);
    const user = '18fe5d5b-48ae-5854-9d02-12354c33bbab';
    expect(states).toMatchObject([
      { granted: { [user]: 'user,analyst,ops' } },
      { status: 'active' },
      { status: 'open', version: 29, starter: user, messages: 6, members: [{ user, role: 'owner' }], owed: [] },
      { read: 6, pinned: true, archived: true, hidden: true },
      { status: 'gone' },
      { source: 26 },
      { status: 'open', forked: true, messages: 3, title: { attempt: 1, ended: true } },
      { status: 'purged', temporary: true, messages: 2 },
    ]);
  });

  it('leave no text behind in any state: nothing of a box but the nonce that tells it from others', () => {
    const marked = lines.map((line) => line.replace(/"box":"(.{16})[^"]*"/g, '"box":"$1THETEXTITSELF"'));
    const streams = new Map<string, ReturnType<typeof blankAggregate>>();
    for (const event of marked.map((line): Envelope => JSON.parse(line)).map(decode)) {
      streams.set(event.stream, (streams.get(event.stream) ?? blankAggregate(event.stream)).evolve(event));
    }
    expect(marked.join()).toContain('THETEXTITSELF');
    const states = JSON.stringify([...streams.values()].map(({ state }) => state));
    expect(states).not.toContain('THETEXTITSELF');
    expect(states).not.toContain('"box"');
  });

  it('number and chain each stream', () => {
    const last = new Map<string, Envelope>();
    for (const event of stored) {
      const before = last.get(event.stream);
      expect(event.version).toBe((before?.version ?? 0) + 1);
      expect(event.previous).toBe(before ? hashOf(before) : '');
      last.set(event.stream, event);
    }
    expect(last.size).toBe(8);
  });

  it('have ids in the bucket of their stream, and times that never run backwards', () => {
    for (const { id, stream, cause, correlation } of stored) {
      expect([id, cause, correlation].every(isUuid)).toBe(true);
      expect(bucketOf(id)).toBe(bucketOf(parseStream(stream).id));
    }
    const times = stored.map(({ at }) => at);
    expect(times).toEqual(times.toSorted());
    expect(times).toEqual(times.map((at) => new Date(at).toISOString()));
  });

  it('have the fields of the content table, no more and no less', () => {
    for (const { type, data } of stored.map(decode)) {
      expect([type, ...Object.keys(data).toSorted()]).toEqual([
        type,
        ...Object.keys(tables.get(type) ?? {}).toSorted(),
      ]);
    }
  });

  it('are sealed where the table says so: a box with a nonce, a tag and something in between, and its place', () => {
    for (const event of stored.map(decode)) {
      for (const field of fieldsOf(event, 'sealed')) {
        // In a list, possibly empty, whatever declares its length holds one box; everything else is one box itself.
        const boxes = boxesIn(field);
        const texts = objectsIn(field).filter((each) => 'chars' in each);
        expect(boxes).toHaveLength(field === null ? 0 : Array.isArray(field) ? texts.length : 1);
        for (const { key, content, box } of boxes) {
          expect(key).toMatch(/^(user|conversation)-[0-9a-f-]{36}$/);
          expect(content).toMatch(/^[0-9a-f-]{36}\/(name|instructions|title|\d+|tag\/\d+|feedback\/[0-9a-f-]{36})$/);
          expect(Buffer.from(box, 'base64').length).toBeGreaterThan(12 + 16);
          expect(Buffer.from(box, 'base64').toString('base64')).toBe(box);
        }
      }
    }
  });

  it('hold nothing sealed where the table says clear', () => {
    for (const event of stored.map(decode)) {
      for (const field of fieldsOf(event, 'clear')) expect(boxesIn(field)).toEqual([]);
    }
  });
});
