// Our Stripe adapter on an emulated Stripe: one tenant's account, and the shortest way to a paid purchase.
import { randomUUID } from 'node:crypto';
import { setTimeout as pass } from 'node:timers/promises';
import type { Config } from '#shared/config/env.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { sealCredentials } from '#shared/tenants/settings.ts';
import type {
  CheckoutRequest,
  PaymentProvider,
  ProviderHint,
  ProviderPayment,
  RefundRequest,
} from '#workers/providers/provider.ts';
import { createStripeProvider } from '#workers/providers/stripe.ts';
import { type StripeEmulator, startStripeEmulator } from '../emulators/stripe/stripe.ts';
import type { StripeAccountOptions } from '../emulators/stripe/stripe-world.ts';

export interface StripeRig {
  emulator: StripeEmulator;
  provider: PaymentProvider;
  tenant: Tenant;
  /** Of `tenant`'s account. */
  secretKey: string;
  /** Another tenant with an account of its own; with `known: false`, Stripe has never heard of its key. */
  tenantWith(slug: string, account?: Partial<StripeAccountOptions> & { known?: boolean }): Tenant;
  /** An open session of a new purchase over 1000 eur. */
  open(changes?: Partial<CheckoutRequest>): Promise<{ purchaseId: string; ref: string; url: string }>;
  /** A paid one. */
  sell(): Promise<{ purchaseId: string; ref: string; intent: string }>;
  look(about: Exclude<ProviderHint['about'], 'nothing'>, ref: string): Promise<ProviderPayment[]>;
  refundOf(intent: string, changes?: Partial<RefundRequest>): RefundRequest;
  /** How many requests of this kind came in. */
  count(method: string, path: RegExp): number;
  close(): Promise<void>;
}

const deadlineMs = 1000;

const keyring = createKeyring(['a-secret-key-for-the-stripe-rig']);

export const checkoutOf = (changes: Partial<CheckoutRequest> = {}): CheckoutRequest => ({
  purchaseId: newId(),
  amount: 1000,
  currency: 'eur',
  description: 'Starter: 500 × Gem',
  returnUrl: 'https://shop.example/thanks?from=coins',
  lifetimeSeconds: 1800,
  ...changes,
});

export async function openStripeRig(account: Partial<StripeAccountOptions> = {}): Promise<StripeRig> {
  const emulator = await startStripeEmulator();
  // Nobody of these tests listens to webhooks.
  emulator.webhooks.held = true;
  const config = {
    stripeApiUrl: emulator.url,
    publicUrl: 'https://coins.example',
    PROVIDER_CALL_MS: deadlineMs,
  } as Config;
  const provider = createStripeProvider({ config, keyring });
  const tenantWith: StripeRig['tenantWith'] = (slug, { known = true, ...options } = {}) => {
    const secretKey = options.secretKey ?? `sk_test_${randomUUID().replaceAll('-', '')}`;
    const webhookSecret = 'whsec_rig';
    if (known)
      emulator.addAccount({ webhookSecret, webhookUrl: 'http://127.0.0.1:1/', ...options, secretKey });
    const sealed = sealCredentials(
      keyring,
      slug,
      {},
      { providers: { stripe: { secretKey, webhookSecret } } },
    );
    return { slug, sealed } as Tenant;
  };
  const secretKey = `sk_test_${randomUUID().replaceAll('-', '')}`;
  const tenant = tenantWith('acme', { secretKey, ...account });
  const rig: StripeRig = {
    emulator,
    provider,
    tenant,
    secretKey,
    tenantWith,
    async open(changes) {
      const request = checkoutOf(changes);
      const answer = await provider.createCheckout(tenant, request);
      if (answer.status !== 'opened') throw new Error(answer.detail);
      return { purchaseId: request.purchaseId, ref: answer.ref, url: answer.url };
    },
    async sell() {
      const { purchaseId, ref } = await rig.open();
      return { purchaseId, ref, intent: emulator.payer.pay(ref) };
    },
    look: (about, ref) => provider.look(tenant, { about, ref }),
    refundOf: (paymentRef, changes) => ({
      refundId: newId(),
      paymentRef,
      amount: 400,
      currency: 'eur',
      askedAt: new Date(),
      ...changes,
    }),
    count: (method, path) =>
      emulator.requests.filter((request) => request.method === method && path.test(request.path)).length,
    close: () => emulator.close(),
  };
  return rig;
}

/** Runs a call that must end by the deadline, whatever is wrong; gives its failure, or undefined. */
export async function failureBy<T>(call: Promise<T>): Promise<unknown> {
  const late = Symbol('late');
  const end = await Promise.race([
    call.then(() => undefined).catch((error: unknown) => error),
    pass(deadlineMs + 1500, late, { ref: false }),
  ]);
  if (end === late) throw new Error('the call did not end by its deadline');
  return end;
}
