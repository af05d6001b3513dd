import { format } from 'prettier';
import type { MetricObject } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../gateway/metrics.js';
import { memorySessions } from '../../projections/sessions/memory.js';
import { idOf } from '../../projections/testing.js';
import { createMeters } from './metrics.js';
import { meterViews } from './scrape.js';

// That the meters of a message's way move is tried on a whole server, in ops/chaos/metrics.test.ts.

const { registry } = createMetrics();
const all = createMeters(registry, Date.now);
all.stores({});
all.sessionsStore(() => true);
const nothing = { lag: async () => [], rebuilding: async () => undefined };
meterViews(registry, {
  views: [],
  operations: nothing,
  obligations: async () => new Map(),
  onTrouble: (error) => {
    throw error;
  },
});
const ours = registry
  .getMetricsAsArray()
  .filter(({ name }) => name.startsWith('verbatim_'))
  .toSorted((a, b) => (a.name < b.name ? -1 : 1));

const labelsOf = (metric: MetricObject): readonly string[] =>
  'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [];

/** Prom-client tells the kind of a metric as a word, though its types speak of a number. */
const kindOf = ({ type }: MetricObject): string => String(type);

describe('every metric', () => {
  it.each(ours.map((metric) => [metric.name, metric] as const))('%s goes by the conventions', (name, metric) => {
    expect(name).toMatch(/^verbatim(_[a-z]+)+$/);
    expect(metric.help).toMatch(/^[A-Z].+\.$/);
    expect(name.endsWith('_total')).toBe(kindOf(metric) === 'counter');
    // What is measured has a base unit in its name; what is only counted has none, or says what is counted.
    expect(name).toMatch(kindOf(metric) === 'histogram' ? /_(seconds|bytes|records)$/ : /./);
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|count|sum|bucket)$/);
    for (const label of labelsOf(metric))
      expect(label).not.toMatch(/^(le|quantile|__.*)$|id$|user|person|conversation/);
  });

  it('stands in ops/docs/metrics.md (npm test -- ops/run/metrics -u writes it)', async () => {
    const rows = ours.map((metric) => {
      const labels = labelsOf(metric).map((label) => `\`${label}\``);
      return `| \`${metric.name}\` | ${kindOf(metric)} | ${labels.join(', ')} | ${metric.help} |`;
    });
    const page = `# Metrics

On the operators' port, at \`/metrics\`, beside those of the process that start with \`process_\` and \`nodejs_\`.

| name | kind | labels | what |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
    await expect(await format(page, { parser: 'markdown', printWidth: 120 })).toMatchFileSnapshot('../docs/metrics.md');
  });
});

describe('the meters', () => {
  const start = Date.parse('2026-01-01T00:00:00.000Z');
  const metered = () => {
    const { registry: own } = createMetrics();
    return { own, meters: createMeters(own, () => start) };
  };

  it('take the time of what happens, and not of what is only caught up with', async () => {
    const { own, meters } = metered();
    const told = meters.batches('core');
    const batch = { home: 0, records: 5, events: 2, seconds: 1 };
    told({ ...batch, newest: '2025-12-31T00:00:00.000Z' });
    expect(await own.metrics()).not.toContain('verbatim_projection_delay_seconds_count{');
    told({ ...batch, newest: '2026-01-01T00:00:00.000Z' });
    told({ ...batch, newest: undefined });
    expect(await own.metrics()).toContain('verbatim_projection_delay_seconds_count{view="core"} 1\n');
    expect(await own.metrics()).toContain('verbatim_projection_events_total{view="core"} 6\n');
  });

  it('count every notice', async () => {
    const { own, meters } = metered();
    const sessions = meters.sessions(memorySessions({ now: () => start }));
    sessions.endReply(idOf(1));
    await sessions.endSession('sid', start);
    sessions.close();
    for (const kind of ['reply', 'session']) {
      expect(await own.metrics()).toContain(`verbatim_notices_published_total{kind="${kind}"} 1\n`);
    }
  });

  it('count what was evicted at each home', async () => {
    const { own, meters } = metered();
    meters.evictions(3, 2);
    meters.evictions(3, 5);
    expect(await own.metrics()).toContain('verbatim_streams_evicted_total{home="3"} 7\n');
  });

  it('tell whether Redis is reached, as it is when they are asked', async () => {
    const { own, meters: asked } = metered();
    let connected = true;
    asked.sessionsStore(() => connected);
    expect(await own.metrics()).toContain('verbatim_sessions_connected 1\n');
    connected = false;
    expect(await own.metrics()).toContain('verbatim_sessions_connected 0\n');
  });

  it('tell how far a rebuild is only while there is one', async () => {
    const rebuilding = {
      view: '',
      live: 2,
      generation: 1,
      done: 3,
      of: 5,
      rate: undefined,
      left: undefined,
      note: null,
    };
    const views = ['filling', 'verifying', 'kept', 'different', 'failed'] as const;
    const { own } = metered();
    meterViews(own, {
      views,
      operations: {
        lag: async () => [],
        rebuilding: async (view) => {
          const phase = views.find((each) => each === view);
          return phase && { ...rebuilding, phase };
        },
      },
      obligations: async () => new Map(),
      onTrouble: (error) => {
        throw error;
      },
    });
    const text = await own.metrics();
    for (const [view, done, of] of [
      ['filling', 3, 5],
      ['verifying', 3, 5],
      ['kept', 0, 0],
      ['different', 0, 0],
      ['failed', 0, 0],
    ]) {
      expect(text).toContain(`verbatim_rebuild_done_records{view="${view}"} ${done}\n`);
      expect(text).toContain(`verbatim_rebuild_records{view="${view}"} ${of}\n`);
    }
  });
});
