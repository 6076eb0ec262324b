// Alive, ready and measured: also when Postgres or Redis is gone, and while the process is closing.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EdgeApp, type OwnRedis, openEdgeApp, startOwnRedis } from './edge-app.ts';

const get = (app: EdgeApp, path: string) => app.call('GET', path, { token: null });

describe('with the queues in Postgres', () => {
  let app: EdgeApp;
  beforeAll(async () => {
    app = await openEdgeApp('system');
  });
  afterAll(() => app?.close());

  test('/health is alive and /ready serves', async () => {
    expect(await (await get(app, '/health')).json()).toEqual({ status: 'ok' });
    const ready = await get(app, '/ready');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ status: 'ready', checks: { postgres: 'ok', queue: 'ok' } });
  });

  test('/metrics counts requests and the jobs of each queue', async () => {
    await app.services.producer.addEmail(
      { tenant: 'acme', cause: 'c', template: 'welcome', userId: 'u', data: {} },
      'only-one',
    );
    const answer = await get(app, '/metrics');
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await answer.text();
    expect(text).toContain('coinlane_queue_up 1');
    expect(text).toContain('coinlane_queue_jobs{queue="email",state="waiting"} 1');
    expect(text).toContain('coinlane_queue_jobs{queue="spend",state="waiting"} 0');
    expect(text).toMatch(
      /coinlane_http_request_seconds_count\{method="GET",route="\/ready",status="200"\} \d+/,
    );
    expect(text).toMatch(/coinlane_database_pool\{state="idle"\} \d+/);
    expect(text).toContain('process_cpu_seconds_total');
  });

  test('/ready refuses while the process is closing, and /health does not', async () => {
    app.deps.lifecycle.draining = true;
    const answer = await get(app, '/ready');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
    expect((await answer.json()).code).toBe('unavailable');
    expect((await get(app, '/health')).status).toBe(200);
    app.deps.lifecycle.draining = false;
    expect((await get(app, '/ready')).status).toBe(200);
  });
});

test('without Postgres /ready is 503 with Retry-After and says nothing of the inside; the rest answers', async () => {
  const app = await openEdgeApp('gone');
  // Gone for good, also for the connections that are open.
  await app.database.drop();
  const answer = await get(app, '/ready');
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
  const body = await answer.text();
  expect(JSON.parse(body)).toMatchObject({ code: 'unavailable', detail: 'Postgres does not answer.' });
  expect(body).not.toMatch(/test_gone|ECONN|terminat/i);
  expect((await get(app, '/health')).status).toBe(200);
  expect(await (await get(app, '/metrics')).text()).toContain('coinlane_queue_up 0');
  await app.services.close().catch(() => undefined);
});

describe.skipIf(!process.env.TEST_REDIS_URL)('with the queues in Redis', () => {
  let app: EdgeApp;
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await startOwnRedis();
    app = await openEdgeApp('system_redis', { REDIS_URL: redis.url });
  });
  afterAll(async () => {
    await app?.close();
    await redis?.stop();
  });

  test('a Redis that dies makes the process degraded, not unready, and its metrics still answer', async () => {
    await expect.poll(async () => (await (await get(app, '/ready')).json()).status).toBe('ready');
    expect(await (await get(app, '/metrics')).text()).toContain(
      'coinlane_queue_jobs{queue="spend",state="waiting"} 0',
    );
    await redis.kill();
    const answer = await get(app, '/ready');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      status: 'degraded',
      checks: { postgres: 'ok', queue: 'unreachable' },
    });
    const startedAt = performance.now();
    const text = await (await get(app, '/metrics')).text();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(text).toContain('coinlane_queue_up 0');
    expect(text).not.toContain('coinlane_queue_jobs{');
    await redis.restart();
    await expect
      .poll(async () => (await (await get(app, '/ready')).json()).status, { timeout: 10_000 })
      .toBe('ready');
    expect(await (await get(app, '/metrics')).text()).toContain('coinlane_queue_up 1');
  });
});
