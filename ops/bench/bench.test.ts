import { describe, expect, it } from 'vitest';
import { describeWith } from '../run/needs.js';
import { benches } from './benches.js';
import type { Bench } from './figure.js';
import { fleetCommands } from './fleet-commands.js';
import { fleetLive } from './fleet-live.js';
import { kafkaReplay } from './kafka-replay.js';
import { pgRebuild } from './pg-rebuild.js';
import { takeover } from './takeover.js';

// That every bench runs and gives figures, with next to nothing to do. How fast anything is, is not tested: machines differ.
// `start` is left to the tests of ops/chaos, which start whole servers.

/** Those that need a system of a fleet. */
const onSystems = new Set(['kafka-replay', 'pg-rebuild', 'fleet-live', 'fleet-commands', 'takeover']);
const small = Object.entries(benches).filter(([name]) => name !== 'start' && !onSystems.has(name));

// Some start a process or two, and a busy machine is slow at that.
const PATIENCE = 120_000;

async function expectFigures(run: Bench['run']): Promise<void> {
  const figures = await run(0.001);
  expect(figures.filter(({ value }) => !(Number.isFinite(value) && value > 0))).toEqual([]);
  expect(figures.filter(({ goal, better }) => goal !== undefined && better !== undefined)).not.toEqual([]);
  expect(new Set(figures.map(({ metric }) => metric)).size).toBe(figures.length);
}

describe('a bench', () => {
  it.each(small)('of %s gives figures, one of them beside a goal', (_, { run }) => expectFigures(run), PATIENCE);
});

describeWith('KAFKA_BROKERS', 'the bench of Kafka', () => {
  it('gives figures, one of them beside a goal', () => expectFigures(kafkaReplay), PATIENCE);
});

describeWith('DATABASE_URL', 'the bench of Postgres', () => {
  it('gives figures, one of them beside a goal', () => expectFigures(pgRebuild), PATIENCE);
});

// They need Kafka, Postgres and Redis; a stack has all three.
describeWith('REDIS_URL', 'the bench of a fleet', () => {
  it.each(Object.entries({ fleetLive, fleetCommands, takeover }))(
    'of %s gives figures, one of them beside a goal',
    (_, run) => expectFigures(run),
    PATIENCE,
  );
});
