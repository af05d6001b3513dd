import { sha256 } from '../../domain/event.js';
import { type Stream, isUuid, randomUuid } from '../../domain/ids.js';
import { type Command, type Incoming, LONGEST_DEADLINE, type Letter } from '../command.js';

/** What came as a command and is none. */
export class Unreadable extends Error {
  override name = 'Unreadable';
  readonly code = 'COMMAND_UNREADABLE';
}

/** What came, by the command that stands in its place. */
const origins = new WeakMap<Command, { readonly came: unknown; readonly fault: Unreadable }>();

/** Names are short, whoever makes them. A command whose are not would make every record large that tells of it. */
const NAME = 200;
/** Deeper data than any of ours would not be written by `JSON.stringify`, or by the next one a little further down. */
const DEEPEST = 50;

/**
 * The item, its command being one. Whatever else has come is answered and kept like a command that cannot be decided, so
 * another stands in its place: under its name if it has one, otherwise under a new one, as the answer has to name something.
 */
export function admit(item: Incoming, now: number, random: (bytes: number) => Uint8Array): Incoming {
  const came: unknown = item.command;
  const fault = faultOf(came);
  if (fault === undefined) return item;
  const { actor, id, hash } = named(came) ? came : { actor: '', id: randomUuid(random(16)), hash: undefined };
  const command: Command = {
    type: 'Unreadable',
    data: {},
    id,
    actor,
    stream: NOWHERE,
    hash: isName(hash) ? hash : isDeep(came) ? '' : sha256(came),
    // It is not due for anything, so it is never too late to say so.
    deadline: new Date(now + LONGEST_DEADLINE / 2).toISOString(),
    correlation: id,
  };
  origins.set(command, { came, fault: new Unreadable(`This is no command: ${fault}.`) });
  return { ...item, command };
}

const NOWHERE: Stream = 'instance-';

/** Throws where a command only stands in the place of what could not be read. */
export function requireReadable(command: Command): void {
  const origin = origins.get(command);
  if (origin) throw origin.fault;
}

/** What is wrong with the shape of a command, if anything. What its data must be is for its decider to say. */
function faultOf(came: unknown): string | undefined {
  if (!isRecord(came)) return 'it is not an object';
  const { id, deadline, data, trace, expected } = came;
  if (!isId(id)) return '`id` is not a lower-case UUID';
  const unnamed = NAMES.find((name) => !isName(came[name]));
  if (unnamed !== undefined) return `\`${unnamed}\` is not a text of 1 to ${NAME} characters`;
  // One that is no time is no error of the shape: it is past, like any other that cannot be kept.
  if (typeof deadline !== 'string') return '`deadline` is not a text';
  if (trace !== undefined && !isName(trace)) return '`trace` is neither absent nor a text';
  if (expected !== undefined && !Number.isSafeInteger(expected)) return '`expected` is neither absent nor a number';
  if (!isRecord(data)) return '`data` is not an object';
  return isDeep(data) ? `\`data\` is more than ${DEEPEST} levels deep, or holds what JSON cannot` : undefined;
}

const NAMES = ['actor', 'stream', 'hash', 'correlation', 'type'];

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= NAME && value.isWellFormed();

const isId = (value: unknown): value is string => typeof value === 'string' && isUuid(value);

const named = (came: unknown): came is { readonly actor: string; readonly id: string; readonly hash: unknown } =>
  isRecord(came) && isName(came['actor']) && isId(came['id']);

/** Whether a value is nested too deeply, or comes back from JSON as another. */
function isDeep(value: unknown, left = DEEPEST): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint';
  return left === 0 || Object.values(value).some((each) => isDeep(each, left - 1));
}

/** The most that a letter takes of its command's data, in bytes, and of each text, in characters. */
const LARGEST_DATA = 250 * 1024;
const LONGEST_TEXT = 500;

/** The letter of a command that could not be decided. */
export function letterOf(command: Command, error: unknown): Letter {
  const origin = origins.get(command);
  const came: unknown = origin ? origin.came : command;
  const { type, stream } = isRecord(came) ? came : { type: '', stream: '' };
  const data: unknown = origin ? came : command.data;
  const bytes = isDeep(data) ? 0 : Buffer.byteLength(JSON.stringify(data) ?? '');
  return {
    type: cut(type),
    stream: cut(stream),
    ...(bytes === 0 || bytes > LARGEST_DATA ? { data: null, left: bytes } : { data }),
    error:
      error instanceof Error
        ? { name: cut(error.name), message: cut(error.message) }
        : { name: '', message: cut(String(error)) },
  };
}

const cut = (text: unknown): string => (typeof text === 'string' ? text.slice(0, LONGEST_TEXT).toWellFormed() : '');
