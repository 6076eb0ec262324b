// What load balancers, orchestrators and Prometheus ask: alive, able to serve, and the numbers.
import { createRoute, z } from '@hono/zod-openapi';
import { Gauge, Registry } from 'prom-client';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps } from '../context.ts';
import { createProcessHealth, type ProcessHealth } from '../process-health.ts';
import { createRouter } from './router.ts';
import { problemAnswer } from './schemas.ts';

const retryAfterSeconds = 2;

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  tags: ['System'],
  summary: 'Is the process alive?',
  description: 'Touches nothing outside the process: restart what does not answer.',
  responses: {
    200: {
      description: 'Alive',
      content: { 'application/json': { schema: z.object({ status: z.literal('ok') }) } },
    },
  },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/ready',
  tags: ['System'],
  summary: 'Can the process serve?',
  description:
    'Without Postgres, and while the process is closing, the answer is 503. Without Redis operations are ' +
    'still accepted and settled later: 200 with the status `degraded`.',
  responses: {
    200: {
      description: 'Requests may be sent here',
      content: {
        'application/json': {
          schema: z.object({
            status: z.enum(['ready', 'degraded']),
            checks: z.object({ postgres: z.literal('ok'), queue: z.enum(['ok', 'unreachable']) }),
          }),
        },
      },
    },
    503: problemAnswer('unavailable; see Retry-After'),
  },
});

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  tags: ['System'],
  summary: 'Metrics of this process for Prometheus',
  responses: {
    200: { description: 'Text exposition format', content: { 'text/plain': { schema: z.string() } } },
  },
});

export function systemRoutes(deps: ApiDeps) {
  const app = createRouter();
  const health = createProcessHealth(deps);
  const readGauges = createScrapedGauges(deps, health);
  app.openapi(healthRoute, (c) => c.json({ status: 'ok' as const }, 200, { 'Cache-Control': 'no-store' }));
  app.openapi(readyRoute, async (c) => {
    if (deps.lifecycle.draining) {
      throw new Problem('unavailable', { detail: 'This process is closing.', retryAfterSeconds });
    }
    try {
      await health.postgres();
    } catch (cause) {
      throw new Problem('unavailable', { detail: 'Postgres does not answer.', retryAfterSeconds, cause });
    }
    const queue = await health.queue().then(
      () => 'ok' as const,
      () => 'unreachable' as const,
    );
    const status = queue === 'ok' ? ('ready' as const) : ('degraded' as const);
    return c.json({ status, checks: { postgres: 'ok' as const, queue } }, 200, {
      'Cache-Control': 'no-store',
    });
  });
  app.openapi(metricsRoute, async (c) => {
    const text = `${await deps.metrics.registry.metrics()}\n${await readGauges()}`;
    return c.text(text, 200, { 'Content-Type': deps.metrics.registry.contentType });
  });
  return app;
}

/** Gauges that are read when somebody looks; kept apart from the process's registry, which knows no I/O. */
function createScrapedGauges(deps: Pick<ApiDeps, 'db'>, health: ProcessHealth): () => Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const jobs = new Gauge({
    name: 'coinlane_queue_jobs',
    help: 'Jobs in the queues by state; absent while the queue backend cannot be reached',
    labelNames: ['queue', 'state'],
    registers,
  });
  const up = new Gauge({ name: 'coinlane_queue_up', help: '1: the queue backend answers', registers });
  const pool = new Gauge({
    name: 'coinlane_database_pool',
    help: 'Connections of the app pool by state, and requests that wait for one',
    labelNames: ['state'],
    registers,
  });
  return async () => {
    pool.labels('idle').set(deps.db.app.idleCount);
    pool.labels('busy').set(deps.db.app.totalCount - deps.db.app.idleCount);
    pool.labels('waiting').set(deps.db.app.waitingCount);
    jobs.reset();
    try {
      for (const { queue, counts } of await health.queueDepths()) {
        for (const [state, count] of Object.entries(counts)) jobs.labels(queue, state).set(count);
      }
      up.set(1);
    } catch {
      up.set(0);
    }
    return registry.metrics();
  };
}
