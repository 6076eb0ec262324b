// The clock behind payments: what was forgotten, lost or has run out is asked about, once, and nothing else is.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { System } from '#tests/support/system.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { checkOverduePurchases } from '#workers/purchase-clock.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('payment-clock');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
});

describe('the clock', () => {
  const queued = async () => {
    const queue = shop.deps.producer.queue('provider', 0);
    const jobs = await queue.getJobs(['waiting', 'delayed', 'prioritized']);
    return jobs.filter((job) => job.data.tenant === shop.tenant.slug).map((job) => job.data);
  };

  test('asks once for each step that is overdue, and for none that is not', async () => {
    const forgotten = await shop.buy({ pack: 'starter' }, { open: false });
    const lapsed = await shop.buy();
    const open = await shop.buy();
    await shop.sql(`update purchases set updated_at = now() - interval '6 seconds' where operation_id = $1`, [
      forgotten.operationId,
    ]);
    await lapse(lapsed.operationId);
    const { slug } = shop.tenant;
    expect(await checkOverduePurchases(shop.deps, slug)).toBe(2);
    expect(await checkOverduePurchases(shop.deps, slug)).toBe(2);
    const jobs = await queued();
    expect(jobs).toHaveLength(2);
    expect(jobs).toContainEqual({ tenant: slug, task: 'check', operationId: forgotten.operationId });
    expect(jobs).toContainEqual({ tenant: slug, task: 'check', operationId: lapsed.operationId });
    await check(forgotten.operationId);
    expect((await shop.purchase(forgotten.operationId)).status).toBe('awaiting_payer');
    expect((await shop.purchase(open.operationId)).status).toBe('awaiting_payer');
  });

  test('finds a stored webhook whose job was lost', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'pay');
    const { slug } = shop.tenant;
    await expect
      .poll(() => shop.sql(`select 1 from coinlane.provider_events where tenant = $1`, [slug]))
      .toHaveLength(1);
    expect(await checkOverduePurchases(shop.deps, slug)).toBe(0);
    await shop.sql(
      `update coinlane.provider_events set received_at = now() - interval '11 seconds' where tenant = $1`,
      [slug],
    );
    expect(await checkOverduePurchases(shop.deps, slug)).toBe(1);
    const events = (await queued()).filter((job) => job.task === 'event');
    for (const job of events) await processProviderJob(shop.deps, job);
    expect(await shop.balance()).toBe(100);
  });
});

/** Our time for the checkout is over; the provider's is not. */
async function lapse(id: string): Promise<void> {
  await shop.sql(`update purchases set expires_at = now() - interval '1 second' where operation_id = $1`, [
    id,
  ]);
}

function check(operationId: string): Promise<void> {
  return processProviderJob(shop.deps, { tenant: shop.tenant.slug, task: 'check', operationId });
}
