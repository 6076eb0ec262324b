// The clock rings in one process only, and asks for one run of each tenant with each of its providers.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listReconciliations } from '#shared/db/reconciliation.ts';
import { startClock } from '#shared/outbox/clock.ts';
import { newId } from '#shared/runtime/ids.ts';
import { backends } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { askForReconciliations } from '#workers/reconcile-clock.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;
beforeAll(async () => {
  system = await startShopSystem('reconciliation-clock');
  shop = await openShop(system);
});
afterAll(() => system?.close());

test('of two processes one hears each ring', { timeout: 90_000 }, async () => {
  const { db, log } = system.services;
  const name = `ring-${newId()}`;
  // Due within the last minute or the next seconds, and then not for a year.
  const due = new Date(Date.now() + 10_000);
  const cron = `${due.getUTCMinutes()} ${due.getUTCHours()} ${due.getUTCDate()} ${due.getUTCMonth() + 1} *`;
  const heard: string[] = [];
  const open = () => startClock(db, log, [{ name, cron, handle: async ({ id }) => void heard.push(id) }]);
  // What is written by the first start is seen by a look at the schedules, which every start begins with.
  await (await open()).close();
  await shop.sql('update pgboss.version set cron_on = null');
  const clocks = await Promise.all([open(), open()]);
  const jobs = () =>
    shop.sql<{ id: string; state: string }>('select id, state from pgboss.job where name = $1', [name]);
  try {
    await until(
      'the ring is heard',
      async () => (await jobs()).some((job) => job.state === 'completed'),
      60_000,
    );
  } finally {
    await Promise.all(clocks.map((clock) => clock.close()));
  }
  expect((await jobs()).map((job) => job.id)).toEqual(heard);
  expect(heard).toHaveLength(1);
});

test('a ring that two processes hear is one job for each tenant and provider', async () => {
  const other = await openShop(system);
  const ring = { id: newId(), at: new Date() };
  await Promise.all([askForReconciliations(shop.deps, ring), askForReconciliations(shop.deps, ring)]);
  const queue = system.services.producer.queue('provider', 0);
  const jobs = await queue.getJobs(['waiting', 'prioritized', 'delayed']);
  const runs = jobs.map(({ data, opts }) => [
    data.tenant,
    data.task,
    data.provider,
    (opts.priority ?? 0) > 0,
  ]);
  const expected = [shop, other].map(({ tenant }) => [tenant.slug, 'reconcile', 'sandbox', true]);
  expect(runs.sort()).toEqual(expected.sort());
  expect(jobs.map(({ data }) => data.scheduledAt)).toEqual([ring.at.toISOString(), ring.at.toISOString()]);
});

describe.each(backends)('with queues in $name', (backend) => {
  test('a run that the clock or an operator asks for is made by a worker', async () => {
    const running = await startSystem('reconciliation-workers', { backend });
    try {
      const { tenant } = await openShop(running);
      const { db } = running.services;
      const done = async () => {
        const runs = await listReconciliations(db.app, tenant.slug, { after: undefined, limit: 10 });
        return runs.filter((run) => run.status === 'done').length;
      };
      await askForReconciliations(running.workers!.deps, { id: newId(), at: new Date() });
      await until('the run of the clock', async () => (await done()) === 1);
      const url = `${running.url}/operator/tenants/${tenant.slug}/reconciliations`;
      const asked = await call('POST', url, { token: operatorToken, body: {} });
      expect(asked.status).toBe(202);
      const path = `${url}/${asked.body.data[0].id}`;
      await until('the run of the operator', async () => {
        const { body } = await call('GET', path, { token: operatorToken });
        return body.status === 'done';
      });
      expect(await done()).toBe(2);
      const metrics = await running.services.metrics.registry.metrics();
      expect(metrics).toContain('coinlane_reconciliations_total{provider="sandbox",result="done"} 2');
    } finally {
      await running.close();
    }
  });
});
