// Payers of the crash stories: one pays whatever can be paid, one pays each purchase a second time.
import { expect } from 'vitest';
import { createStripeProvider } from '#workers/providers/stripe.ts';
import { call } from './client.ts';
import type { CrashStage } from './crash-stage.ts';
import type { Purchase, Stall } from './mall.ts';
import { type ProviderName, providerNames } from './mall-bank.ts';
import { paypalToken, readBooks } from './provider-books.ts';

/** One purchase at each provider. */
export type Pair = Record<ProviderName, Purchase>;

/** What the crash stories' one pack costs, in minor units. */
export const price = 499;

/** Pays whatever the providers let anybody pay. */
export async function payAll(
  { mall }: CrashStage,
  stall: Stall,
  ids: Record<ProviderName, string>,
  keys: 'kept' | 'lapsed',
): Promise<void> {
  for (const provider of providerNames) {
    const { payable } = await readBooks(mall, stall, provider);
    const { checkoutUrl } = await stall.get(`/operations/${ids[provider]}`);
    const [ours, ...others] = payable.toSorted(
      (a, b) => Number(checkoutUrl.includes(b)) - Number(checkoutUrl.includes(a)),
    );
    expect(checkoutUrl).toContain(ours);
    // PayPal has no list of orders: without its key a second one is made, and nobody is told of the first.
    expect(others).toHaveLength(provider === 'paypal' && keys === 'lapsed' ? 1 : 0);
    await stall.pay({ id: ids[provider], checkoutUrl });
    await stall.untilPayment(ids[provider], { status: 'granted' });
    // Even who finds it pays nothing: both have one invoice id.
    for (const other of others) mall.paypal.payer.approve(other);
  }
}

/** A second checkout of each purchase is made and paid, as of a provider that has forgotten the first one's key. */
export async function payAgain({ mall }: CrashStage, stall: Stall, { stripe, paypal }: Pair): Promise<void> {
  const { services } = mall.system;
  mall.stripe.forgetKeys();
  const tenant = await services.tenants.find(stall.slug);
  if (!tenant) throw new Error(`there is no tenant ${stall.slug}`);
  const answer = await createStripeProvider(services).createCheckout(tenant, {
    purchaseId: stripe.id,
    amount: price,
    currency: 'usd',
    description: 'again',
    returnUrl: null,
    lifetimeSeconds: 1800,
  });
  if (answer.status !== 'opened') throw new Error(answer.detail);
  mall.stripe.payer.pay(answer.ref);
  // We would not capture it, and PayPal takes no second payment for one invoice id: the merchant did both.
  const ask = async (path: string, body: object) => {
    const token = await paypalToken(mall, stall);
    const made = await call('POST', `${mall.paypal.url}/v2/checkout/orders${path}`, { token, body });
    expect(made.status).toBe(201);
    return made.body.id as string;
  };
  const custom_id = `${stall.slug}:${paypal.id}`;
  const amount = { currency_code: 'USD', value: '4.99' };
  const order = await ask('', { intent: 'CAPTURE', purchase_units: [{ custom_id, amount }] });
  mall.paypal.payer.approve(order);
  await ask(`/${order}/capture`, {});
}
