import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../run/needs.js';
import { openLogIn, readHistory, tally, viewsAndFold } from './audit.js';
import { type Person, at, register } from './person.js';
import { type Server, startServer } from './server.js';
import { streamFaults } from './streams.js';
import { type Writer, startWriter } from './writer.js';

describeWith('VERBATIM_SMALL_DISK', 'a disk that fills up under write load', (disk) => {
  let data: string;
  let server: Server;
  const people: Person[] = [];
  let late: Person;
  const writers: Writer[] = [];
  const ballast = join(disk, 'ballast');

  beforeAll(async () => {
    data = mkdtempSync(join(disk, 'verbatim-'));
    server = await startServer({ data });
    await server.ready;
    for (const name of ['ada', 'grace']) people.push(await register(server.url, name));
    late = await register(server.url, 'late');
    for (const [n, person] of people.entries()) {
      writers.push(startWriter({ person, name: `writer ${n}`, wait: sleep }));
    }
  });

  afterAll(async () => {
    await server.kill();
    for (const path of [ballast, data]) rmSync(path, { recursive: true, force: true });
  });

  const acknowledged = (): number => writers.flatMap(({ sent }) => sent.filter((each) => each.acknowledged)).length;

  /** What somebody is answered who starts a conversation now. */
  const start = async (person: Person): Promise<unknown> => {
    const answer = await person.ask(
      `mutation ($input: ConversationStartInput!) { conversationStart(input: $input) {
        __typename ... on CommandError { code message } } }`,
      {
        input: {
          commandId: person.newId(),
          conversation: `conversation_${person.newId()}`,
          message: `message_${person.newId()}`,
          reply: `message_${person.newId()}`,
          text: 'is there room for this?',
        },
      },
    );
    return at(answer, 'conversationStart');
  };

  it('is told to whoever writes and to whoever runs it, and the process lives', async () => {
    await expect.poll(acknowledged).toBeGreaterThan(50);
    fill(disk, ballast);
    await expect
      .poll(() => start(late), { timeout: 60_000 })
      .toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringMatching(/cannot keep anything right now.*again/),
      });
    expect(server.output()).toMatch(/The disk is full: .*log\.db/);
    expect((await fetch(`${server.url}/config.json`)).status).toBe(200);
    // And stays so for as long as there is no room.
    const before = acknowledged();
    await sleep(3_000);
    expect(acknowledged()).toBe(before);
    expect(await running(server)).toBe(true);
  });

  it('is forgotten as soon as there is room: commands go on by themselves, for everybody', async () => {
    const before = acknowledged();
    rmSync(ballast);
    await expect.poll(() => acknowledged(), { timeout: 60_000 }).toBeGreaterThan(before + 50);
    await expect.poll(() => start(late), { timeout: 60_000 }).toMatchObject({ __typename: 'Accepted' });
    await Promise.all(writers.map((writer) => writer.stop()));
    expect(await running(server)).toBe(true);
  });

  it('has lost nothing and done nothing twice, and the views equal a fold of the log', async () => {
    for (const [n, person] of people.entries()) {
      const id = writers[n]?.sent.findLast(({ field }) => field === 'conversationStart')?.input['message'];
      const shown = () =>
        person.ask('query ($id: ID!) { node(id: $id) { __typename } }', { id }).catch(() => undefined);
      await expect.poll(shown, { timeout: 60_000 }).toEqual({ node: { __typename: 'Message' } });
    }
    expect(await server.stop()).toBe(0);
    const log = openLogIn(data);
    const { events, outcomes } = await readHistory(log);
    expect(streamFaults(events)).toEqual([]);
    const told = tally(outcomes, ({ command }) => command);
    const sent = writers.flatMap((writer) => writer.sent);
    expect(sent.filter((each) => !each.acknowledged || told.get(each.command) !== 1)).toEqual([]);
    const { views, fold } = await viewsAndFold(data, log);
    expect(views).toEqual(fold);
    await log.close();
  });
});

/** Writes until there is no room left. */
function fill(disk: string, file: string): void {
  for (let size = free(disk); size > 0; size = Math.min(free(disk), size - 4_096)) {
    try {
      writeFileSync(file, Buffer.alloc(size), { flag: existsSync(file) ? 'a' : 'w' });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
    if (free(disk) === 0) return;
  }
}

function free(disk: string): number {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
}

/** Whether the server that was started is there still: a new one would have printed that it is ready once more. */
const running = async ({ url, output }: Server): Promise<boolean> => {
  const { status } = await fetch(`${url}/healthz`);
  return status < 500 && output().split('is ready at').length === 2;
};
