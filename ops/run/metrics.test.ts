import { format } from 'prettier';
import type { MetricObject } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../gateway/metrics.js';
import { createMeters } from './metrics.js';
import { meterViews } from './scrape.js';

// That the meters move is tried on a whole server, in ops/chaos/metrics.test.ts.

const { registry } = createMetrics();
createMeters(registry, Date.now).stores({});
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
