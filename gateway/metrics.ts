import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What the gateway counts, by Prometheus' conventions. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    operations: new Histogram({
      name: 'verbatim_graphql_post_duration_seconds',
      help: 'Time from a GraphQL POST to its answer, by HTTP status.',
      labelNames: ['status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    sockets: new Gauge({ name: 'verbatim_sockets', help: 'Open and authenticated WebSockets.', registers }),
    deliveries: new Counter({
      name: 'verbatim_deliveries_total',
      help: 'Results sent over WebSockets.',
      registers,
    }),
    faults: new Counter({
      name: 'verbatim_faults_total',
      help: 'Errors that were ours and not the client’s.',
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
