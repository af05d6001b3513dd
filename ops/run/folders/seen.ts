import type { Person } from '../../chaos/person.js';
import { at } from '../../chaos/person.js';

/** Which conversations and messages there are, by their node ids. */
export type Known = { readonly conversations: readonly string[]; readonly messages: readonly string[] };

/** What a person is shown of what is known, and their sidebar. */
export type Seen = {
  readonly sidebar: unknown;
  readonly conversations: Readonly<Record<string, unknown>>;
  readonly messages: Readonly<Record<string, unknown>>;
};

const conversation = `query ($id: ID!) { node(id: $id) { ... on Conversation {
  title head lastSeq readSeq deleted thread(first: 100) { messages { id } } } } }`;
const message = `query ($id: ID!) { node(id: $id) { ... on Message {
  conversation parent seq at author { name } parts { ... on TextPart { text } } reply { status } siblings { ids } } } }`;

export async function see(person: Person, { conversations, messages }: Known): Promise<Seen> {
  const all = async (query: string, ids: readonly string[]): Promise<Record<string, unknown>> =>
    Object.fromEntries(await Promise.all(ids.map(async (id) => [id, at(await person.ask(query, { id }), 'node')])));
  return {
    sidebar: at(await person.ask('{ viewer { user { name } roles conversations { nodes { id title } } } }'), 'viewer'),
    conversations: await all(conversation, conversations),
    messages: await all(message, messages),
  };
}
