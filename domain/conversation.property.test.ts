import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConversationCommand, type ConversationEvent, conversation, conversationContent } from './conversation.js';
import { ASSISTANT, type Asked, SYSTEM, isRejection } from './decider.js';
import { ada, dan, histories, wishesOf } from './histories-testing.js';
import { fold, run } from './testing.js';

const of = <T extends ConversationEvent['type']>(events: readonly ConversationEvent[], ...types: readonly T[]) =>
  events.filter((event): event is Extract<ConversationEvent, { type: T }> => types.some((type) => type === event.type));

type Check = (events: readonly ConversationEvent[], commands: readonly Asked<ConversationCommand>[]) => void;

/** With a seed where it counts what is reached: that must not be a matter of luck. */
const holds = (property: Check, more: { numRuns?: number; seed?: number } = {}): void =>
  fc.assert(
    fc.property(histories, (commands) => property(run(conversation, commands), commands)),
    { numRuns: 150, ...more },
  );

/** The ids of the messages that an event brings, and of their parents. */
function messagesIn(event: ConversationEvent): readonly { id: string; parent: string | null; seq: number }[] {
  switch (event.type) {
    case 'MessagePosted':
      return [{ ...event.data, id: event.data.message }];
    case 'ReplyRequested':
      return [{ ...event.data, id: event.data.reply }];
    case 'MessagesCopied':
      return event.data.messages.map((copy) => ({ ...copy, id: copy.message }));
    default:
      return [];
  }
}

/** Each step of a history that was not refused: the events before it and those that it added. */
function stepsOf(commands: readonly Asked<ConversationCommand>[]) {
  let [before, state] = [[] as readonly ConversationEvent[], conversation.initial];
  return commands.map((command) => {
    const decision = conversation.decide(command, state);
    const step = { command, before, decision };
    if (!isRejection(decision)) {
      before = [...before, ...decision];
      state = decision.reduce(conversation.evolve, state);
    }
    return step;
  });
}

/** Who is in, by what role, as the events tell it. */
const rolesAfter = (events: readonly ConversationEvent[]): ReadonlyMap<string, string> => {
  const roles = new Map<string, string>();
  for (const { type, data } of events) {
    if (type === 'ConversationStarted') roles.set(data.starter, 'owner');
    if (type === 'MemberAdded' || type === 'MemberRoleChanged') roles.set(data.user, data.role);
    if (type === 'MemberRemoved' || type === 'MemberErased') roles.delete(data.user);
  }
  return roles;
};

describe('whatever is asked of a conversation', () => {
  it('is decided without a fault, can be folded, and changes nothing when it is asked again', () => {
    const seen = new Set<string>();
    holds(
      (events) => {
        for (const { type } of events) seen.add(type);
      },
      { numRuns: 500, seed: 7 },
    );
    // The histories reach every event, or the properties here would say little.
    expect(seen).toEqual(new Set(Object.keys(conversationContent)));
  });

  it('counts its versions, and numbers its messages without gaps', () => {
    holds((events) => {
      expect(fold(conversation, events).version).toBe(events.length);
      const seqs = events.flatMap(messagesIn).map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.map((_, at) => at + 1));
    });
  });

  it('takes every id once, and hangs every message below one that is here', () => {
    holds((events) => {
      const ids = new Set<string>();
      for (const { id: own, parent } of events.flatMap(messagesIn)) {
        expect(ids.has(own)).toBe(false);
        expect(parent === null || ids.has(parent)).toBe(true);
        ids.add(own);
      }
    });
  });

  it('answers people: each post at once, and nothing but what people wrote', () => {
    holds((events) => {
      const written = new Set<string>();
      for (const [at, event] of events.entries()) {
        const next = events[at + 1];
        const answered =
          event.type === 'MessagePosted'
            ? next?.type === 'ReplyRequested' && next.data.parent === event.data.message
            : event.type !== 'ReplyRequested' || written.has(event.data.parent);
        expect({ event, answered }).toEqual({ event, answered: true });
        if (event.type === 'MessagePosted') written.add(event.data.message);
        if (event.type === 'MessagesCopied') {
          for (const { message, author } of event.data.messages) if (author !== null) written.add(message);
        }
      }
    });
  });

  it('ends each reply at most once, by its running attempt, and attempts count up from 1', () => {
    holds((events) => {
      for (const { data: wanted } of of(events, 'ReplyRequested')) {
        const story = of(events, 'ReplyStarted', 'ReplyCompleted', 'ReplyFailed', 'ReplyStopped').filter(
          (event) => event.data.reply === wanted.reply,
        );
        const begun = of(story, 'ReplyStarted').map((event) => event.data.attempt);
        expect(begun).toEqual(begun.map((_, at) => at + 1));
        const ends = of(story.slice(begun.length), 'ReplyCompleted', 'ReplyFailed', 'ReplyStopped');
        expect(ends).toHaveLength(story.length - begun.length);
        expect(ends.map((event) => event.data.attempt)).toEqual(ends.length === 0 ? [] : [begun.length]);
      }
    });
  });

  it('betters a title once, and never one that a person chose', () => {
    holds((events) => {
      const story = of(events, 'TitleStarted', 'TitleFailed', 'ConversationRenamed').filter(
        ({ type, data }, at, all) =>
          !(type === 'ConversationRenamed' && data.by === 'person' && at > 0 && isOver(all[at - 1])),
      );
      const last = story.findIndex(isOver);
      const begun = of(story.slice(0, last < 0 ? story.length : last), 'TitleStarted');
      expect(begun.map(({ data }) => data.attempt)).toEqual(begun.map((_, at) => at + 1));
      const after = last < 0 ? [] : story.slice(last + 1);
      expect(of(after, 'TitleStarted', 'TitleFailed')).toEqual([]);
      expect(of(after, 'ConversationRenamed').filter(({ data }) => data.by === 'automatic')).toEqual([]);
    });
  });

  it('starts once, and has nothing new from its people while it is deleted or once it is over', () => {
    holds((events) => {
      expect(events.findIndex(({ type }) => type === 'ConversationStarted')).toBe(0);
      expect(of(events, 'ConversationStarted')).toHaveLength(1);
      let status = 'open';
      for (const { type } of events) {
        const may = status === 'open' || (whatGoesOn.has(type) && !(status === 'over' && /Restored/.test(type)));
        expect({ status, type, may }).toEqual({ status, type, may: true });
        if (type === 'ConversationDeleted') status = 'deleted';
        if (type === 'ConversationRestored') status = 'open';
        if (type === 'ConversationExpired') status = 'over';
      }
      expect(of(events, 'ConversationExpired').length).toBeLessThanOrEqual(1);
      const ends = of(events, 'ConversationExpired', 'ConversationPurged').map(({ type }) => type);
      expect(ends).toEqual(['ConversationExpired', 'ConversationPurged'].slice(0, ends.length));
    });
  });

  it('always has an owner, or nobody at all and is over', () => {
    fc.assert(
      fc.property(histories, (commands) => {
        for (const { before, decision } of stepsOf(commands)) {
          if (isRejection(decision)) continue;
          const events = [...before, ...decision];
          const roles = [...rolesAfter(events).values()];
          const { members, status } = fold(conversation, events);
          expect({ roles, status, kept: roles.includes('owner') || status !== 'open' }).toMatchObject({ kept: true });
          expect(new Map(members.map((member) => [member.user, member.role]))).toEqual(rolesAfter(events));
        }
      }),
      { numRuns: 60 },
    );
  });
});

const isOver = (event: ConversationEvent | undefined): boolean =>
  event?.type === 'TitleFailed' || event?.type === 'ConversationRenamed';

/** What still happens in a conversation that is not open. */
const whatGoesOn: ReadonlySet<string> = new Set([
  'ReplyStarted',
  'ReplyCompleted',
  'ReplyFailed',
  'ReplyStopped',
  'MemberErased',
  'MemberRoleChanged',
  'MembershipTold',
  'ConversationRestored',
  'ConversationExpired',
  'ConversationPurged',
]);

describe('nobody’s words', () => {
  it('are lost: what is no fork goes on from the end of the branch that its writer saw, or is refused naming it', () => {
    const met = { appended: 0, refused: 0 };
    fc.assert(
      fc.property(histories, (commands) => {
        for (const { command, before, decision } of stepsOf(commands)) {
          if (command.type !== 'PostMessage' || command.data.fork) continue;
          const here = before.flatMap(messagesIn);
          const hasChild = (message: string): boolean => here.some(({ parent }) => parent === message);
          const isBelow = (message: string | null): boolean => {
            if (message === command.data.parent) return true;
            return message !== null && isBelow(here.find((each) => each.id === message)?.parent ?? null);
          };
          if (isRejection(decision) && decision.rejected !== 'CONFLICT') continue;
          const end = isRejection(decision)
            ? (decision.head ?? null)
            : decision[0] && messagesIn(decision[0])[0]?.parent;
          if (isRejection(decision)) met.refused++;
          else if (end !== command.data.parent) met.appended++;
          const alone = rolesAfter(before).size === 1;
          const isEnd = end === null || end === undefined ? here.length === 0 : isBelow(end) && !hasChild(end);
          expect({ command, isEnd, fair: alone || !isRejection(decision) }).toEqual({
            command,
            isEnd: true,
            fair: true,
          });
        }
      }),
      { numRuns: 500, seed: 7 },
    );
    expect(Math.min(met.appended, met.refused)).toBeGreaterThan(0);
  });
});

describe('who may', () => {
  const ranks = ['reader', 'writer', 'owner'];
  /** The least role for what people make happen. */
  const needed: Partial<Record<ConversationEvent['type'], string>> = {
    FeedbackGiven: 'reader',
    MemberRemoved: 'reader',
    MessagePosted: 'writer',
    MessagesCopied: 'writer',
    ReplyRequested: 'writer',
    ReplyStopRequested: 'writer',
    ConversationDeleted: 'owner',
    ConversationRestored: 'owner',
    ConversationShared: 'owner',
    ConversationUnshared: 'owner',
    MemberAdded: 'owner',
    MemberRoleChanged: 'owner',
  };

  it('do it: whatever happens was asked by somebody with the role for it at that moment', () => {
    fc.assert(
      fc.property(histories, (commands) => {
        for (const { command, before, decision } of stepsOf(commands)) {
          if (isRejection(decision)) continue;
          const { actor } = command;
          const role = rolesAfter(before).get(actor) ?? '';
          for (const { type } of decision) {
            const may =
              before.length === 0
                ? actor === ada
                : actor === ASSISTANT
                  ? /^(Reply|Title|ConversationRenamed)/.test(type)
                  : actor === SYSTEM
                    ? whatGoesOn.has(type) || type === 'ConversationDeleted'
                    : ranks.indexOf(role) >= ranks.indexOf(needed[type] ?? 'owner');
            expect({ command, type, may }).toEqual({ command, type, may: true });
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are told; strangers change nothing and learn nothing, whatever they ask', () => {
    fc.assert(
      fc.property(histories, fc.array(wishesOf(dan), { minLength: 20, maxLength: 40 }), (commands, wishes) => {
        const state = run(conversation, commands).reduce(conversation.evolve, conversation.initial);
        for (const wish of wishes.filter(({ type }) => !/^(Start|Fork)Conversation$/.test(type))) {
          const answer = conversation.decide(wish, state);
          expect(answer).toEqual(conversation.decide(wish, conversation.initial));
          expect(answer).toMatchObject({ rejected: 'NOT_FOUND' });
        }
      }),
      { numRuns: 60 },
    );
  });
});
