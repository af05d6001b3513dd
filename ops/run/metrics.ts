import { statSync } from 'node:fs';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CommandClient } from '../../commands/client/client.js';
import type { Log } from '../../commands/log/log.js';
import type { Snapshots } from '../../commands/snapshots/snapshots.js';
import { BUCKETS } from '../../gateway/metrics.js';
import manifest from '../../package.json' with { type: 'json' };
import type { Batch } from '../../projections/round.js';
import type { Sessions } from '../../projections/sessions/sessions.js';

// Each stage between a command and its delivery is counted here, around the part that does it: none of them knows.

const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];

/** Puts meters around the parts that a message goes through. Names and labels are by Prometheus' conventions. */
export function createMeters(registry: Registry, now: () => number) {
  const registers = [registry];
  new Gauge({
    name: 'verbatim_build_info',
    help: 'Always 1, by the version that runs and the one of Node.js.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version: manifest.version, node: process.versions.node }, 1);
  return {
    client: meterClient(registers),
    log: meterLog(registers),
    snapshots: meterSnapshots(registers),
    evictions: meterEvictions(registers),
    sessions: meterSessions(registers),
    batches: meterBatches(registers, now),
    /** Looked at when it is asked for. */
    sessionsStore: (connected: () => boolean): void => {
      const reached = new Gauge({
        name: 'verbatim_sessions_connected',
        help: 'Whether Redis is reached and every watched topic subscribed there; 0 while notices are lost.',
        registers: [],
        collect() {
          this.set(connected() ? 1 : 0);
        },
      });
      registry.registerMetric(reached);
    },
    /** Sizes are looked at when they are asked for. */
    stores: (files: Readonly<Record<string, string>>): void => {
      const size = new Gauge({
        name: 'verbatim_store_size_bytes',
        help: 'Size of the file of a store, without what is not yet moved into it.',
        labelNames: ['store'],
        registers: [],
        collect() {
          for (const [store, file] of Object.entries(files)) {
            this.set({ store }, statSync(file, { throwIfNoEntry: false })?.size ?? 0);
          }
        },
      });
      registry.registerMetric(size);
    },
  };
}

type Registers = Registry[];

const secondsSince = (begun: number): number => (performance.now() - begun) / 1_000;

function meterClient(registers: Registers) {
  const duration = new Histogram({
    name: 'verbatim_command_duration_seconds',
    help: 'Time from a command to its answer, by type and outcome.',
    labelNames: ['type', 'outcome'],
    buckets: BUCKETS,
    registers,
  });
  const rejections = new Counter({
    name: 'verbatim_command_rejections_total',
    help: 'Commands that were rejected, by code.',
    labelNames: ['code'],
    registers,
  });
  return (real: CommandClient): CommandClient => ({
    send: async (draft) => {
      const begun = performance.now();
      let outcome = 'failed';
      try {
        const sent = await real.send(draft);
        outcome = sent.status;
        if (sent.status === 'rejected') rejections.inc({ code: sent.code });
        return sent;
      } finally {
        duration.observe({ type: draft.type, outcome }, secondsSince(begun));
      }
    },
  });
}

function meterLog(registers: Registers) {
  const duration = new Histogram({
    name: 'verbatim_log_append_duration_seconds',
    help: 'Time to append one decided batch to the log, until it is durable.',
    buckets: BUCKETS,
    registers,
  });
  const records = new Histogram({
    name: 'verbatim_log_batch_size_records',
    help: 'Records of the decided batches that were appended.',
    buckets: SIZES,
    registers,
  });
  const failures = new Counter({
    name: 'verbatim_log_append_failures_total',
    help: 'Appends of which it is not known whether they are in the log.',
    registers,
  });
  const takeovers = new Counter({
    name: 'verbatim_log_takeovers_total',
    help: 'Times that a partition was taken over by a new owner.',
    registers,
  });
  return (real: Log): Log => ({
    ...real,
    append: async (partition, batch) => {
      const begun = performance.now();
      try {
        const offset = await real.append(partition, batch);
        duration.observe(secondsSince(begun));
        records.observe(batch.length);
        if (batch.some(({ kind }) => kind === 'takeover')) takeovers.inc();
        return offset;
      } catch (error) {
        failures.inc();
        throw error;
      }
    },
  });
}

function meterSnapshots(registers: Registers) {
  const duration = new Histogram({
    name: 'verbatim_snapshot_flush_duration_seconds',
    help: 'Time to store what the write side has folded, of one partition.',
    buckets: BUCKETS,
    registers,
  });
  return (real: Snapshots): Snapshots => ({
    ...real,
    flush: async (...args) => {
      const begun = performance.now();
      const moved = await real.flush(...args);
      duration.observe(secondsSince(begun));
      return moved;
    },
  });
}

function meterEvictions(registers: Registers) {
  const evicted = new Counter({
    name: 'verbatim_streams_evicted_total',
    help: 'Streams that the write side let go of to make room, by home. It reads them again when they are needed.',
    labelNames: ['home'],
    registers,
  });
  return (home: number, streams: number): void => evicted.inc({ home }, streams);
}

/** Topics are `<kind>:<id>`: the kinds are few. */
const kindOf = (topic: string): string => topic.slice(0, Math.max(0, topic.indexOf(':')));

function meterSessions(registers: Registers) {
  const published = new Counter({
    name: 'verbatim_notices_published_total',
    help: 'Notices published to those who watch, by the kind of topic.',
    labelNames: ['kind'],
    registers,
  });
  const watched = new Gauge({
    name: 'verbatim_live_topics',
    help: 'Topics that somebody watches, by kind.',
    labelNames: ['kind'],
    registers,
  });
  const watchers = new Gauge({
    name: 'verbatim_live_watchers',
    help: 'Those who watch a topic, by the kind of topic.',
    labelNames: ['kind'],
    registers,
  });
  return <S extends Sessions>(real: S): S => {
    const counts = new Map<string, number>();
    const count = (topic: string, step: 1 | -1): void => {
      const kind = kindOf(topic);
      const left = (counts.get(topic) ?? 0) + step;
      if (left === 0) counts.delete(topic);
      else counts.set(topic, left);
      watchers.inc({ kind }, step);
      if (left === 0 || (left === 1 && step === 1)) watched.inc({ kind }, step);
    };
    return {
      ...real,
      publish: (topic, notice) => {
        published.inc({ kind: kindOf(topic) });
        real.publish(topic, notice);
      },
      // Told by what is behind them, and not by `publish`.
      writeReply: (delta) => {
        published.inc({ kind: 'reply' });
        real.writeReply(delta);
      },
      endReply: (reply) => {
        published.inc({ kind: 'reply' });
        real.endReply(reply);
      },
      endSession: (sid, until) => {
        published.inc({ kind: 'session' });
        return real.endSession(sid, until);
      },
      setTyping: (conversation, user, typing) => {
        published.inc({ kind: 'typing' });
        real.setTyping(conversation, user, typing);
      },
      attach: async (topic, listener) => {
        const detach = await real.attach(topic, listener);
        count(topic, 1);
        let left = false;
        return () => {
          if (!left) count(topic, -1);
          left = true;
          detach();
        };
      },
    };
  };
}

function meterBatches(registers: Registers, now: () => number) {
  const labelNames = ['view'];
  const duration = new Histogram({
    name: 'verbatim_projection_batch_duration_seconds',
    help: 'Time to fold and commit one batch of the log, by view.',
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  const events = new Counter({
    name: 'verbatim_projection_events_total',
    help: 'Events that a view shows, without those that are parked or wait behind one that is.',
    labelNames,
    registers,
  });
  const delay = new Histogram({
    name: 'verbatim_projection_delay_seconds',
    help: 'Time from the newest event of a batch until a view shows it, of what happened since the server began.',
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  // What happened before is only caught up with: that it is old says nothing of how fast the view is.
  const begun = now();
  return (view: string) =>
    (batch: Batch): void => {
      duration.observe({ view }, batch.seconds);
      events.inc({ view }, batch.events);
      const at = Date.parse(batch.newest ?? '');
      if (at >= begun) delay.observe({ view }, Math.max(0, now() - at) / 1_000);
    };
}
