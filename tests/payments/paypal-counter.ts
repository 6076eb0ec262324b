// What the tests of the PayPal adapter share: two tenants with accounts at an emulated PayPal, and their payers.
import { afterEach, beforeEach, expect } from 'vitest';
import type { Config } from '#shared/config/env.ts';
import { createLog } from '#shared/runtime/log.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { sealContext } from '#shared/tenants/settings.ts';
import { type PaypalEmulator, startPaypalEmulator } from '#tests/emulators/paypal/paypal.ts';
import { createPaypalProvider } from '#workers/providers/paypal.ts';
import type {
  CheckoutRequest,
  PaymentProvider,
  ProviderPayment,
  RefundRequest,
} from '#workers/providers/provider.ts';

const keyring = createKeyring(['a-secret-key-for-the-adapter-test']);
export const accounts = {
  acme: { clientId: 'client-acme', clientSecret: 'secret-acme', webhookId: 'WEBHOOKACME1' },
  globex: { clientId: 'client-globex', clientSecret: 'secret-globex', webhookId: 'WEBHOOKGLOBEX1' },
};

/** A tenant with its account; `changes` are to its credentials. */
export function tenantOf(slug: keyof typeof accounts, changes: object = {}): Tenant {
  const text = JSON.stringify({ ...accounts[slug], ...changes });
  return { slug, sealed: { paypal: keyring.seal(text, sealContext(slug, 'paypal')) } } as unknown as Tenant;
}
export const acme = tenantOf('acme');
export const globex = tenantOf('globex');

type Driver = Config['PAYPAL_DRIVER'];
type Approval = Parameters<PaypalEmulator['payer']['approve']>[1];

/** The provider with `capture` and `verify`, which the port leaves open and PayPal has. */
export type Paypal = PaymentProvider & Required<Pick<PaymentProvider, 'capture' | 'verify'>>;

export interface Counter {
  emulator: PaypalEmulator;
  paypal: Paypal;
  /** All that was written to the log. */
  logged(): string;
  /** Another provider object, with no tokens yet. */
  openProvider(driver: Driver, callMs?: number): Paypal;
  open(
    tenant?: Tenant,
    changes?: Partial<CheckoutRequest>,
  ): Promise<CheckoutRequest & { ref: string; url: string; expiresAt: Date }>;
  /** The one payment of a checkout. */
  see(ref: string, tenant?: Tenant): Promise<ProviderPayment>;
  /** Opened, approved, captured and looked at. */
  pay(
    tenant?: Tenant,
    changes?: Partial<CheckoutRequest>,
    plan?: Approval,
  ): Promise<CheckoutRequest & { ref: string; payment: ProviderPayment; captureId: string }>;
  requestsTo(path: RegExp): PaypalEmulator['requests'];
}

export const newPurchase = (changes: Partial<CheckoutRequest> = {}): CheckoutRequest => ({
  purchaseId: crypto.randomUUID(),
  amount: 1000,
  currency: 'usd',
  description: '100 × Coins',
  returnUrl: 'https://shop.example/back',
  lifetimeSeconds: 1800,
  ...changes,
});

/** Four dollars of a payment. */
export const refundOf = (paymentRef: string, changes: Partial<RefundRequest> = {}): RefundRequest => ({
  refundId: crypto.randomUUID(),
  paymentRef,
  amount: 400,
  currency: 'usd',
  askedAt: new Date(),
  ...changes,
});

/**
 * A fresh emulator and provider for each test. After each one PayPal must have had nothing to complain
 * about, and no secret may stand in the log.
 */
export function useCounter(driver: Driver): Counter {
  let lines: string[] = [];
  const counter: Counter = {
    emulator: undefined as unknown as PaypalEmulator,
    paypal: undefined as unknown as Paypal,
    logged: () => lines.join(''),
    openProvider(wanted, callMs = 4000) {
      const config = {
        paypalApiUrl: counter.emulator.url,
        PAYPAL_DRIVER: wanted,
        PROVIDER_CALL_MS: callMs,
        publicUrl: 'http://coins.example',
      } as Config;
      const log = createLog('info', 'test', { write: (line) => void lines.push(line) });
      return createPaypalProvider({ config, keyring, log }) as Paypal;
    },
    async open(tenant = acme, changes = {}) {
      const request = newPurchase(changes);
      const answer = await counter.paypal.createCheckout(tenant, request);
      if (answer.status !== 'opened') throw new Error(`refused: ${answer.detail}`);
      return { ...request, ...answer };
    },
    async see(ref, tenant = acme) {
      const payments = await counter.paypal.look(tenant, { about: 'checkout', ref });
      expect(payments).toHaveLength(1);
      return payments[0] as ProviderPayment;
    },
    async pay(tenant = acme, changes = {}, plan = {}) {
      const checkout = await counter.open(tenant, changes);
      counter.emulator.payer.approve(checkout.ref, plan);
      const { purchaseId, ref: checkoutRef } = checkout;
      await counter.paypal.capture(tenant, { purchaseId, checkoutRef });
      const payment = await counter.see(checkoutRef, tenant);
      return { ...checkout, payment, captureId: payment.paymentRef ?? '' };
    },
    requestsTo: (path) => counter.emulator.requests.filter((each) => path.test(each.path)),
  };
  beforeEach(async () => {
    lines = [];
    counter.emulator = await startPaypalEmulator();
    for (const account of Object.values(accounts))
      counter.emulator.addAccount({ ...account, webhookUrl: '' });
    counter.paypal = counter.openProvider(driver);
  });
  afterEach(async () => {
    await counter.emulator.close();
    expect(counter.emulator.complaints).toEqual([]);
    for (const { clientSecret } of Object.values(accounts))
      expect(counter.logged()).not.toContain(clientSecret);
  });
  return counter;
}
