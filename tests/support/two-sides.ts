// Two tenants with accounts of their own at both emulators, and purchases that remember every id they meet.
import { expect } from 'vitest';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { sealCredentials } from '#shared/tenants/settings.ts';
import type { PaypalEmulator } from '#tests/emulators/paypal/paypal.ts';
import type { StripeEmulator } from '#tests/emulators/stripe/stripe.ts';
import type { PaymentProvider, ProviderHint } from '#workers/providers/provider.ts';
import type { TenantMarks } from './tenant-marks.ts';

/** Long enough that no random id holds one by chance. */
export const slugs = ['northwindgames', 'globexarcades'];
export const keyring = createKeyring(['a-secret-key-for-the-two-tenants']);

export interface Side {
  tenant: Tenant;
  marks: TenantMarks;
  paypal: { clientId: string; clientSecret: string; webhookId: string };
}

export function openSide(slug: string, stripe: StripeEmulator, paypal: PaypalEmulator): Side {
  const accounts = {
    stripe: { secretKey: `sk_test_${slug}Key`, webhookSecret: `whsec_${slug}` },
    paypal: {
      clientId: `client-of-${slug}`,
      clientSecret: `secret-of-${slug}`,
      webhookId: `WH${slug.toUpperCase()}`,
    },
  };
  // Nobody of these tests listens to webhooks.
  stripe.webhooks.held = true;
  stripe.addAccount({ ...accounts.stripe, webhookUrl: 'http://127.0.0.1:1/' });
  paypal.addAccount({ ...accounts.paypal, webhookUrl: '' });
  const tenant = { slug, sealed: sealCredentials(keyring, slug, {}, { providers: accounts }) } as Tenant;
  // Every secret holds the slug, as do addresses and descriptions below: it alone gives them all away.
  const secrets = [slug, accounts.paypal.webhookId];
  return { tenant, marks: { name: slug, secrets, ids: new Set() }, paypal: accounts.paypal };
}

/** Counts the calls of a provider, and keeps every id that they give as one of the tenant's. */
function counted(side: Side, provider: PaymentProvider, count: () => void) {
  const { tenant, marks } = side;
  const keep = (...ids: (string | null | undefined)[]) => {
    for (const id of ids) if (id) marks.ids.add(id);
  };
  const look = async (about: Exclude<ProviderHint['about'], 'nothing'>, ref: string) => {
    count();
    const [payment] = await provider.look(tenant, { about, ref });
    if (!payment) throw new Error(`${ref} is not known`);
    keep(payment.checkoutRef, payment.paymentRef, ...payment.refunds.map((refund) => refund.ref));
    return payment;
  };
  return {
    look,
    async open() {
      count();
      const purchaseId = newId();
      keep(purchaseId);
      const answer = await provider.createCheckout(tenant, {
        purchaseId,
        amount: 1000,
        currency: 'usd',
        description: `Coins of ${tenant.slug}`,
        returnUrl: `https://${tenant.slug}.example/back`,
        lifetimeSeconds: 1800,
      });
      if (answer.status !== 'opened') throw new Error(answer.detail);
      keep(answer.ref);
      return { purchaseId, ref: answer.ref };
    },
    async refund(paymentRef: string) {
      count();
      const refundId = newId();
      keep(refundId);
      const request = { refundId, paymentRef, amount: 300, currency: 'usd', askedAt: new Date() };
      const answer = await provider.refund(tenant, request);
      expect(answer.status).toBe('returned');
      keep(answer.ref);
    },
  };
}

/** Four calls. */
export async function buyAtStripe(
  side: Side,
  stripe: StripeEmulator,
  provider: PaymentProvider,
  count: () => void,
) {
  const calls = counted(side, provider, count);
  const { ref } = await calls.open();
  stripe.payer.pay(ref);
  const { paymentRef } = await calls.look('checkout', ref);
  await calls.refund(paymentRef ?? '');
  expect(await calls.look('payment', paymentRef ?? '')).toMatchObject({
    tenant: side.tenant.slug,
    state: 'paid',
    refunds: [{ amount: 300 }],
  });
}

/** Six calls. */
export async function buyAtPaypal(
  side: Side,
  paypal: PaypalEmulator,
  provider: PaymentProvider,
  count: () => void,
) {
  const calls = counted(side, provider, count);
  const { purchaseId, ref } = await calls.open();
  paypal.payer.approve(ref);
  count();
  await provider.capture?.(side.tenant, { purchaseId, checkoutRef: ref });
  const { paymentRef } = await calls.look('checkout', ref);
  await calls.refund(paymentRef ?? '');
  expect(await calls.look('payment', paymentRef ?? '')).toMatchObject({ refunds: [{ amount: 300 }] });
  const id = `WH-${newId()}`;
  side.marks.ids.add(id);
  const body = JSON.stringify({ id, event_type: 'PAYMENT.CAPTURE.COMPLETED', resource: { id: paymentRef } });
  const headers = paypal.signedHeaders(side.paypal.clientId, body);
  count();
  expect(await provider.verify?.(side.tenant, { headers, body: Buffer.from(body) })).toBe(true);
}
