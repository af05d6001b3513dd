import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentOf, limits, personKey } from './content.js';
import { ASSISTANT, type Asked, SYSTEM } from './decider.js';
import { membershipId } from './ids.js';
import { type MembershipCommand, type MembershipEvent, membership } from './membership.js';
import { clientId, given, run, sealedText } from './testing.js';

const [ada, bob] = [clientId(1, 0xaaa), clientId(2, 0xbbb)];
const conversation = clientId(3, 0xccc);
const leaf = clientId(4, 0xccc);
const id = membershipId(conversation, ada);
const whose = { conversation, user: ada };

const by = <C extends MembershipCommand>(actor: string, command: C) => ({ ...command, actor, id });
const markRead = (seq: number) => ({ type: 'MarkRead', data: { conversation, seq } }) as const;
const pin = (pinned: boolean) => ({ type: 'PinConversation', data: { conversation, pinned } }) as const;
const archive = (archived: boolean) => ({ type: 'ArchiveConversation', data: { conversation, archived } }) as const;
const hide = (hidden: boolean) => ({ type: 'HideConversation', data: { conversation, hidden } }) as const;
const choose = (to: string) => ({ type: 'ChooseBranch', data: { conversation, leaf: to } }) as const;
const tagOf = (n: number, chars = 4, box = n) => ({
  text: sealedText(personKey(ada), contentOf.tag(id, n), box),
  chars,
});
const tag = (...tags: readonly ReturnType<typeof tagOf>[]) =>
  ({ type: 'TagConversation', data: { conversation, tags } }) as const;
const join = (source: number, more: object = {}) =>
  ({ type: 'JoinConversation', data: { ...whose, role: 'writer', by: bob, source, ...more } }) as const;
const leave = (source: number) => ({ type: 'LeaveConversation', data: { ...whose, source } }) as const;

const read = (seq: number): MembershipEvent => ({ type: 'ConversationRead', data: { ...whose, seq } });
const joined = (source: number): MembershipEvent => ({ type: 'MembershipJoined', data: join(source).data });
const left = (source: number): MembershipEvent => ({ type: 'MembershipLeft', data: leave(source).data });
const tagged = (...tags: readonly ReturnType<typeof tagOf>[]): MembershipEvent => ({
  type: 'ConversationTagged',
  data: { ...whose, tags },
});

const fresh = given(membership);
const own = [markRead(1), pin(true), archive(true), hide(true), choose(leaf), tag(tagOf(0))];

describe('a membership', () => {
  it('begins at need: the first thing read is the first event', () => {
    fresh.when(by(ada, markRead(2))).adds(read(2));
  });

  it('moves the mark forward only', () => {
    given(membership, read(4))
      .when(by(ada, markRead(6)))
      .adds(read(6));
    for (const seq of [4, 1]) {
      given(membership, read(4))
        .when(by(ada, markRead(seq)))
        .changesNothing();
    }
    fresh.when(by(ada, markRead(0))).changesNothing();
  });

  it.each([-1, 0.5, NaN, Infinity, 2 ** 53])('has no mark and no source at %d', (count) => {
    fresh.when(by(ada, markRead(count))).isRefused('INVALID');
    fresh.when(by(SYSTEM, join(count))).isRefused('INVALID');
    fresh.when(by(SYSTEM, leave(count))).isRefused('INVALID');
  });

  it.each([bob, ASSISTANT, SYSTEM])("is nobody else's: %s", (actor) => {
    for (const command of own) fresh.when(by(actor, command)).isRefused('NOT_FOUND');
  });

  it('is that of its own conversation only', () => {
    const elsewhere = membershipId(clientId(9), ada);
    for (const command of own) fresh.when({ ...by(ada, command), id: elsewhere }).isRefused('NOT_FOUND');
  });

  it.each([
    { wish: pin, type: 'ConversationPinned', field: 'pinned' },
    { wish: archive, type: 'ConversationArchived', field: 'archived' },
    { wish: hide, type: 'ConversationHidden', field: 'hidden' },
  ] as const)('notes each change once, and begins without: $field', ({ wish, type, field }) => {
    const event = (on: boolean) => expect.objectContaining({ type, data: { ...whose, [field]: on } });
    const events = run(
      membership,
      [wish(false), wish(true), wish(true), wish(false)].map((what) => by(ada, what)),
    );
    expect(events).toEqual([event(true), event(false)]);
  });

  it('chooses a branch of its conversation', () => {
    const chosen: MembershipEvent = { type: 'BranchChosen', data: { ...whose, leaf } };
    fresh.when(by(ada, choose(leaf))).adds(chosen);
    given(membership, chosen)
      .when(by(ada, choose(leaf)))
      .changesNothing();
    fresh.when(by(ada, choose('leaf'))).isRefused('INVALID');
    fresh.when(by(ada, choose(clientId(4, 0xccd)))).isRefused('WRONG_BUCKET');
  });
});

describe('tags', () => {
  it('are put in place of those before, the same ones once', () => {
    fresh.when(by(ada, tag(tagOf(0), tagOf(1)))).adds(tagged(tagOf(0), tagOf(1)));
    const labelled = given(membership, tagged(tagOf(0), tagOf(1)));
    labelled.when(by(ada, tag(tagOf(0), tagOf(1)))).changesNothing();
    labelled.when(by(ada, tag(tagOf(0)))).adds(tagged(tagOf(0)));
    labelled.when(by(ada, tag())).adds(tagged());
    labelled.when(by(ada, tag(tagOf(0), tagOf(1, 4, 7)))).adds(tagged(tagOf(0), tagOf(1, 4, 7)));
    fresh.when(by(ada, tag())).changesNothing();
  });

  it('are so many, so long, and not empty', () => {
    const many = Array.from({ length: limits.tags }, (_, n) => tagOf(n, limits.tag));
    fresh.when(by(ada, tag(...many))).adds(tagged(...many));
    fresh.when(by(ada, tag(...many, tagOf(limits.tags)))).isRefused('TOO_LARGE');
    fresh.when(by(ada, tag(tagOf(0, limits.tag + 1)))).isRefused('TOO_LARGE');
    fresh.when(by(ada, tag(tagOf(0), tagOf(1, 0)))).isRefused('INVALID');
  });

  it('are sealed by their person, each in its place', () => {
    fresh.when(by(ada, tag(tagOf(1)))).isRefused('INVALID');
    const foreign = { text: sealedText(personKey(bob), contentOf.tag(id, 0)), chars: 4 };
    fresh.when(by(ada, tag(foreign))).isRefused('INVALID');
  });
});

describe('joining and leaving', () => {
  it('follow the conversation, whose newest news stand', () => {
    fresh.when(by(SYSTEM, join(5))).adds(joined(5));
    const inside = given(membership, joined(5));
    for (const old of [join(5), join(4), leave(5), leave(4)]) inside.when(by(SYSTEM, old)).changesNothing();
    inside.when(by(SYSTEM, leave(7))).adds(left(7));
    inside
      .when(by(SYSTEM, join(6, { role: 'owner' })))
      .adds({ type: 'MembershipJoined', data: join(6, { role: 'owner' }).data });
    fresh.when(by(SYSTEM, leave(3))).adds(left(3));
    given(membership, left(7))
      .when(by(SYSTEM, join(5)))
      .changesNothing();
  });

  it('are told by the installation, of the person and the conversation that it is about', () => {
    for (const actor of [ada, bob, ASSISTANT]) {
      for (const news of [join(5), leave(5)]) fresh.when(by(actor, news)).isRefused('NOT_FOUND');
    }
    fresh.when(by(SYSTEM, join(5, { user: bob }))).isRefused('NOT_FOUND');
    fresh.when(by(SYSTEM, join(5, { conversation: clientId(9) }))).isRefused('NOT_FOUND');
  });
});

describe('whatever is asked of a membership', () => {
  const on = fc.boolean();
  const data: { [C in MembershipCommand as C['type']]: fc.Arbitrary<C['data']> } = {
    JoinConversation: fc.integer({ min: 1, max: 9 }).map((source) => join(source).data),
    LeaveConversation: fc.integer({ min: 1, max: 9 }).map((source) => leave(source).data),
    MarkRead: fc.integer({ min: -2, max: 9 }).map((seq) => ({ conversation, seq })),
    PinConversation: on.map((pinned) => ({ conversation, pinned })),
    ArchiveConversation: on.map((archived) => ({ conversation, archived })),
    TagConversation: fc
      .array(fc.nat(3), { maxLength: 3 })
      .map((boxes) => ({ conversation, tags: boxes.map((box, n) => tagOf(n, 4, box)) })),
    ChooseBranch: fc.constantFrom(leaf, clientId(5, 0xccc), 'x').map((to) => ({ conversation, leaf: to })),
    HideConversation: on.map((hidden) => ({ conversation, hidden })),
  };
  const asked = <T extends MembershipCommand['type']>(type: T) =>
    fc.record({ type: fc.constant(type), data: data[type] });
  const command: fc.Arbitrary<Asked<MembershipCommand>> = fc
    .tuple(
      fc.constantFrom(ada, ada, SYSTEM, bob),
      fc.oneof(
        asked('JoinConversation'),
        asked('LeaveConversation'),
        asked('MarkRead'),
        asked('PinConversation'),
        asked('ArchiveConversation'),
        asked('TagConversation'),
        asked('ChooseBranch'),
        asked('HideConversation'),
      ),
    )
    .map(([actor, what]) => ({ ...what, actor, id }));

  it('happens once, and its marks and news only grow', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60, size: 'max' }), (commands) => {
        const events = run(membership, commands);
        for (const { type } of events) seen.add(type);
        const seqs = events.flatMap(({ data: { ...fields } }) => ('seq' in fields ? [fields.seq] : []));
        const sources = events.flatMap(({ data: { ...fields } }) => ('source' in fields ? [fields.source] : []));
        for (const counts of [seqs, sources]) {
          expect(counts).toEqual([...new Set(counts)].toSorted((a, b) => a - b));
        }
        for (const { data: of } of events) expect(of).toMatchObject(whose);
      }),
      { numRuns: 200 },
    );
    expect(seen.size).toBe(8);
  });
});
