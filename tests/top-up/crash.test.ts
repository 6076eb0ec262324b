// A worker is killed between Stripe's charge and our commit of it: the next one charges nothing again, and loses nothing.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sdkFor } from '#tests/emulators/stripe/shop-rig.ts';
import { backends } from '#tests/support/backends.ts';
import { eventually, integrity } from '#tests/support/client.ts';
import { type CrashStage, openCrashStage } from '#tests/support/crash-stage.ts';
import { openCustomer, openTenant } from './ground.ts';

let stage: CrashStage;
beforeAll(async () => {
  stage = await openCrashStage('top-up-crash', backends[0]!);
});
afterAll(() => stage?.close());

test.each([
  ['webhooks come', false],
  ['no webhook comes', true],
])('its money counts once, where %s', async (_, held) => {
  const { stripe, system } = stage.mall;
  const tenant = await openTenant(stage.mall);
  const nora = await openCustomer(stage.mall, tenant);
  const method = await nora.keep('stripe');
  await nora.untilBalance(100);
  await nora.send('PUT', '/wallet/top-up', { below: 100, pack: 'refill', method: method.id });
  // Until the worker is dead: it would take the news of the charge before it is killed.
  stripe.webhooks.held = true;
  stripe.faults.add({ method: 'POST', path: /payment_intents$/, kind: 'act_then_hang' });
  const isCharge = ({ method: verb, path, headers }: (typeof stripe.requests)[number]) =>
    verb === 'POST' && path.endsWith('/payment_intents') && headers.authorization?.endsWith(tenant.slug);
  let spent = 0;
  // The worker's process hears of the tenant's first rule a moment after it is set.
  await eventually('the charge', async () => {
    if (stripe.requests.some(isCharge)) return true;
    spent += (await nora.spend(1)).status === 201 ? 1 : 0;
    return false;
  });
  await stage.killWorker();
  stripe.faults.clear();
  const [purchase] = await nora.topUps();
  expect(purchase).toMatchObject({ status: 'accepted', payment: 'processing' });
  stripe.webhooks.held = held;
  const delivered = held ? undefined : stripe.webhooks.release();
  await stage.startWorker(tenant.slug);
  const job = { tenant: tenant.slug, task: 'charge', operationId: purchase?.id ?? '' } as const;
  await stage.again(job);
  await nora.untilBalance(200 - spent);
  await stage.again(job);
  await delivered;
  stripe.webhooks.held = false;
  await stage.quiet(tenant.slug);
  const { data } = await sdkFor(stripe, `sk_test_${tenant.slug}`).paymentIntents.list({ limit: 100 });
  expect(data.filter(({ metadata }) => metadata.purchaseId === purchase?.id)).toHaveLength(1);
  expect(await nora.balance()).toBe(200 - spent);
  expect((await integrity(system.url, tenant.slug)).body).toMatchObject({ ok: true });
});
