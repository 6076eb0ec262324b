// The Prometheus registry of one process and every metric that Coinlane exposes, named in one place.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** Creates a registry of its own, so that an API and workers in one process can share or separate theirs. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    httpRequests: new Histogram({
      name: 'coinlane_http_request_seconds',
      help: 'Time from the first byte of a request to the last of its answer',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    journaled: new Counter({
      name: 'coinlane_operations_journaled_total',
      help: 'Operations accepted into the journal',
      labelNames: ['kind'],
      registers,
    }),
    journalBatch: new Histogram({
      name: 'coinlane_journal_batch_size',
      help: 'Operations that shared one journal insert',
      buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
      registers,
    }),
    enqueueFailures: new Counter({
      name: 'coinlane_enqueue_failures_total',
      help: 'Jobs that the queue did not take; the sweep enqueues their operations later',
      registers,
    }),
    settled: new Counter({
      name: 'coinlane_operations_settled_total',
      help: 'Operations that got their outcome',
      labelNames: ['kind', 'status', 'reason'],
      registers,
    }),
    settleBatch: new Histogram({
      name: 'coinlane_settle_batch_size',
      help: 'Operations decided in one transaction',
      buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500],
      registers,
    }),
    settleSeconds: new Histogram({
      name: 'coinlane_settle_seconds',
      help: 'Time of one settle transaction',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    poisoned: new Counter({
      name: 'coinlane_operations_poisoned_total',
      help: 'Operations rejected with internal_error because they could not be settled: look at each',
      labelNames: ['kind'],
      registers,
    }),
    held: new Counter({
      name: 'coinlane_operations_held_total',
      help: 'Operations that a rule of their tenant holds for an operator to decide',
      labelNames: ['kind'],
      registers,
    }),
    swept: new Counter({
      name: 'coinlane_operations_swept_total',
      help: 'Operations that the sweep enqueued again',
      registers,
    }),
    sealed: new Counter({
      name: 'coinlane_entries_sealed_total',
      help: "Entries of wallets that were sealed into their tenants' chains",
      registers,
    }),
    jobs: new Counter({
      name: 'coinlane_jobs_total',
      help: 'Queue jobs by queue and result',
      labelNames: ['queue', 'result'],
      registers,
    }),
    mails: new Counter({
      name: 'coinlane_mails_total',
      help: 'Mails by template and result',
      labelNames: ['template', 'result'],
      registers,
    }),
    webhooks: new Counter({
      name: 'coinlane_webhook_deliveries_total',
      help: 'Attempts to deliver a webhook to a tenant by result; postponed are those whose endpoint had no turn left',
      labelNames: ['result'],
      registers,
    }),
    webhookSeconds: new Histogram({
      name: 'coinlane_webhook_seconds',
      help: "Time of one attempt, until the tenant's server has answered or time was up",
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
      registers,
    }),
    webhooksDisabled: new Counter({
      name: 'coinlane_webhook_endpoints_disabled_total',
      help: 'Endpoints that answered 410 and get nothing any more',
      registers,
    }),
    alerts: new Counter({
      name: 'coinlane_alerts_total',
      help: 'Alerts to tenants by rule and whether they were raised or cleared',
      labelNames: ['rule', 'change'],
      registers,
    }),
    hashQueue: new Gauge({
      name: 'coinlane_password_hash_queue',
      help: 'Password hashes waiting for a slot',
      registers,
    }),
    rateLimited: new Counter({
      name: 'coinlane_rate_limited_total',
      help: 'Tries that a rate refused, by policy; mail-account are mails that were left out in silence',
      labelNames: ['policy'],
      registers,
    }),
    rateStoreFailures: new Counter({
      name: 'coinlane_rate_store_failures_total',
      help: 'Times that rates could not be counted for all processes; each process then allows a quarter',
      registers,
    }),
    providerCircuits: new Counter({
      name: 'coinlane_provider_circuit_total',
      help: 'How often calls to a provider were stopped (open), tried again (half-open) and let through (closed)',
      labelNames: ['provider', 'state'],
      registers,
    }),
    payments: new Counter({
      name: 'coinlane_payments_total',
      help: 'Payments by provider and what became of them; review and surplus need a look',
      labelNames: ['provider', 'status'],
      registers,
    }),
    providerEvents: new Counter({
      name: 'coinlane_provider_events_total',
      help: 'Provider webhooks by provider and result',
      labelNames: ['provider', 'result'],
      registers,
    }),
    reconciliations: new Counter({
      name: 'coinlane_reconciliations_total',
      help: 'Comparisons with a payment provider by provider and result',
      labelNames: ['provider', 'result'],
      registers,
    }),
    reconciled: new Counter({
      name: 'coinlane_reconciliation_repairs_total',
      help: 'Purchases that a comparison with their provider brought up to date: their webhooks were missed',
      labelNames: ['provider'],
      registers,
    }),
  };
}
