// An event whose provider is away waits in the inbox, and says there what it waits for.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShop, type Shop, startShopSystem, withProvider } from '#tests/payments/shop.ts';
import { call } from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';

let system: System;
let shop: Shop;
beforeAll(async () => {
  system = await startShopSystem('inbox-waiting');
  shop = await openShop(system);
});
afterAll(() => system?.close());

test('while its provider is away an event stays open with the reason, and is done when it is back', async () => {
  const { slug } = shop.tenant;
  const purchase = await shop.buy();
  await shop.act(purchase, 'pay');
  const inbox = async () =>
    (await call('GET', `${system.url}/operator/tenants/${slug}/provider-events`, { token: operatorToken }))
      .body.data;
  const [{ id }] = await until('the webhook', async () => {
    const data = await inbox();
    return data.length > 0 ? data : undefined;
  });
  const job = { tenant: slug, task: 'event' as const, eventId: id };
  const away = withProvider(shop, {
    look: () => Promise.reject(new ProviderUnavailable('sandbox', 'no answer in time')),
  });
  await expect(processProviderJob(away, job)).rejects.toThrow('no answer in time');
  // Not counted as an attempt: what is overdue is told by those.
  expect(await inbox()).toMatchObject([
    { status: 'received', detail: 'sandbox: no answer in time', attempts: 0, processedAt: null },
  ]);
  await processProviderJob(shop.deps, job);
  expect(await inbox()).toMatchObject([{ status: 'processed', detail: null, attempts: 1 }]);
  expect(await shop.balance()).toBe(100);
});
