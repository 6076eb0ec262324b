// A shop at each provider's stand-in with every step run by hand, so that a race is run in the order a test says.
import { randomBytes } from 'node:crypto';
import { setTimeout as pass } from 'node:timers/promises';
import type { PurchaseRow } from '#shared/db/purchases.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type PaypalEmulator, startPaypalEmulator } from '#tests/emulators/paypal/paypal.ts';
import { askToken, orderBody } from '#tests/emulators/paypal/paypal-client.ts';
import { type StripeEmulator, startStripeEmulator } from '#tests/emulators/stripe/stripe.ts';
import { openShop, packs, type Shop, startShopSystem } from '#tests/payments/shop.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { moneyBody } from '#workers/providers/paypal/money.ts';
import type { PaymentProvider, ProviderPayment } from '#workers/providers/provider.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import { JobFailed } from '#workers/worker.ts';
import { call } from './client.ts';
import { type MallBank, mallBank, type ProviderName } from './mall-bank.ts';
import type { System } from './system.ts';

export interface Ground {
  system: System;
  stripe: StripeEmulator;
  paypal: PaypalEmulator;
  /** A tenant with accounts of its own at both providers, whose user buys at this one. */
  open(provider: ProviderName, settings?: object): Promise<Stand>;
  close(): Promise<void>;
}

export interface Stand {
  shop: Shop;
  name: ProviderName;
  slug: string;
  emulator: StripeEmulator | PaypalEmulator;
  /** What our workers use: the real adapter, with its SDK. */
  provider: PaymentProvider;
  tenant(): Promise<Tenant>;
  accounts: {
    stripe: { secretKey: string; webhookSecret: string };
    paypal: { clientId: string; clientSecret: string; webhookId: string };
  };
  /** A purchase with an open checkout. */
  order(pack?: string): Promise<PurchaseRow>;
  /** Another checkout of the same purchase, as after the provider forgot the first one's key, or by hand. */
  orderAgain(purchase: PurchaseRow, change?: { amount?: number; currency?: string }): Promise<string>;
  /** As the payer on the hosted page; at PayPal the money is still to be captured. */
  pay(checkoutRef: string): void;
  /** Paid and, at PayPal, captured; nothing of it is heard here yet. */
  payUnheard(purchase: PurchaseRow): Promise<ProviderPayment>;
  /** What the provider knows of a checkout now. */
  see(checkoutRef: string): Promise<ProviderPayment>;
  /** The bank's hand on a payment; on the purchase's own when no ref is given. */
  bankOf(purchase: PurchaseRow, paymentRef?: string): MallBank;
  /** Ids of stored events that nobody has acted on, in the order of their arrival. */
  openEvents(): Promise<string[]>;
  act(eventId: string): Promise<void>;
  check(purchase: PurchaseRow): Promise<void>;
  /** All that was sent arrives and is acted on, until nothing is open; `together`: all of it at the same moment. */
  hear(options?: { together?: boolean }): Promise<void>;
  /** The same for events that end as failed or forged: gives what their jobs failed by. */
  hearFailing(): Promise<string[]>;
  /** A granted purchase. */
  own(pack?: string): Promise<PurchaseRow>;
  /** What of this payment went back at the provider, in minor units: what failed did not. */
  returned(purchase: PurchaseRow): Promise<number[]>;
}

const yen = { id: 'yen', name: 'Yen', coins: 300, price: 500, currency: 'jpy' };

export async function openMoneyGround(name: string): Promise<Ground> {
  const stripe = await startStripeEmulator();
  const paypal = await startPaypalEmulator();
  const system = await startShopSystem(name, { STRIPE_API_URL: stripe.url, PAYPAL_API_URL: paypal.url });
  return {
    system,
    stripe,
    paypal,
    open: (provider, settings) => openStand({ system, stripe, paypal }, provider, settings),
    async close() {
      await system.close();
      await Promise.all([stripe.close(), paypal.close()]);
    },
  };
}

/** Does it again when the provider had no definite answer, as the queue does. */
export async function insist(work: () => Promise<unknown>, timesMax = 20): Promise<void> {
  for (let times = 1; ; times += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof ProviderUnavailable) || times === timesMax) throw error;
      await pass(50);
    }
  }
}

/** How often money of a stand's PayPal account was captured. */
export function capturesOf({ paypal }: Ground, { accounts }: Stand): number {
  const { sent } = paypal.webhooks;
  const told = sent.filter(({ event: { type, account } }) => {
    return type === 'PAYMENT.CAPTURE.COMPLETED' && account === accounts.paypal.clientId;
  });
  return new Set(told.map(({ event }) => event.id)).size;
}

type World = Pick<Ground, 'system' | 'stripe' | 'paypal'>;

async function openStand(world: World, name: ProviderName, settings: object = {}): Promise<Stand> {
  const { system, stripe, paypal } = world;
  const mark = randomBytes(8).toString('hex');
  const accounts: Stand['accounts'] = {
    stripe: { secretKey: `sk_test_${mark}`, webhookSecret: `whsec_${mark}` },
    paypal: { clientId: `client-${mark}`, clientSecret: `secret-${mark}`, webhookId: `WH${mark}` },
  };
  const shop = await openShop(system, { packs: [...packs, yen], providers: accounts, ...settings });
  const { slug } = shop.tenant;
  const doorOf = (provider: string) => `${system.url}/webhooks/${provider}/${slug}`;
  stripe.addAccount({ ...accounts.stripe, webhookUrl: doorOf('stripe') });
  paypal.addAccount({ ...accounts.paypal, webhookUrl: doorOf('paypal') });
  const provider = shop.deps.providers.of(name);
  if (!provider) throw new Error(`there is no ${name}`);
  const job = (rest: object) =>
    processProviderJob(shop.deps, { tenant: slug, ...rest } as Parameters<typeof processProviderJob>[1]);

  const stand: Stand = {
    ...{ shop, name, slug, provider, accounts, emulator: name === 'stripe' ? stripe : paypal },
    async tenant() {
      const tenant = await shop.deps.tenants.find(slug);
      if (!tenant) throw new Error(`there is no tenant ${slug}`);
      return tenant;
    },
    order: (pack = 'starter') => shop.buy({ provider: name, pack }),
    async orderAgain(purchase, change = {}) {
      const { operationId: purchaseId, price: amount, currency, returnUrl } = purchase;
      const wanted = { purchaseId, amount, currency, ...change };
      if (name === 'paypal') return orderByHand(paypal.url, stand, wanted);
      stripe.forgetKeys();
      const request = { ...wanted, returnUrl, description: 'again', lifetimeSeconds: 1800 };
      const answer = await provider.createCheckout(await stand.tenant(), request);
      if (answer.status !== 'opened' || answer.ref === purchase.checkoutRef) throw new Error('no other one');
      return answer.ref;
    },
    pay(checkoutRef) {
      if (name === 'stripe') stripe.payer.pay(checkoutRef);
      else paypal.payer.approve(checkoutRef);
    },
    async payUnheard({ checkoutRef, operationId: purchaseId }) {
      stand.pay(checkoutRef!);
      await provider.capture?.(await stand.tenant(), { purchaseId, checkoutRef: checkoutRef! });
      return stand.see(checkoutRef!);
    },
    async see(ref) {
      const [payment] = await provider.look(await stand.tenant(), { about: 'checkout', ref });
      if (!payment) throw new Error(`${name} does not know ${ref}`);
      return payment;
    },
    bankOf: ({ paymentRef, price }, ref = paymentRef ?? '') => mallBank(world, name, ref, price),
    async openEvents() {
      await Promise.all([stripe.webhooks.settled(), paypal.webhooks.settled()]);
      const rows = await shop.sql<{ id: string }>(
        `select id from coinlane.provider_events where tenant = $1 and status in ('received', 'parked')
         order by received_at, id`,
        [slug],
      );
      return rows.map((row) => row.id);
    },
    act: (eventId) => insist(() => job({ task: 'event', eventId })),
    check: ({ operationId }) => insist(() => job({ task: 'check', operationId })),
    async hear({ together = false } = {}) {
      for (let ids = await stand.openEvents(); ids.length > 0; ids = await stand.openEvents()) {
        if (together) await Promise.all(ids.map((id) => stand.act(id)));
        else for (const id of ids) await stand.act(id);
      }
    },
    async hearFailing() {
      const failures: string[] = [];
      for (const id of await stand.openEvents()) {
        await stand.act(id).catch((error: unknown) => {
          if (!(error instanceof JobFailed)) throw error;
          failures.push(error.message);
        });
      }
      return failures;
    },
    async own(pack) {
      const purchase = await stand.order(pack);
      stand.pay(purchase.checkoutRef!);
      await stand.hear();
      return shop.purchase(purchase.operationId);
    },
    async returned({ checkoutRef }) {
      const { refunds } = await stand.see(checkoutRef!);
      return refunds.filter((refund) => refund.state !== 'failed').map((refund) => refund.amount);
    },
  };
  return stand;
}

/** With our purchase's words on it and no invoice number, two of which PayPal would refuse to be paid. */
async function orderByHand(
  url: string,
  { slug, accounts: { paypal } }: Pick<Stand, 'slug' | 'accounts'>,
  wanted: { purchaseId: string; amount: number; currency: string },
): Promise<string> {
  const token = (await askToken(url, paypal.clientId, paypal.clientSecret)).body.access_token;
  const { purchase_units: units, ...rest } = orderBody('1.00', { custom_id: `${slug}:${wanted.purchaseId}` });
  const unit = { ...units[0], amount: moneyBody(wanted.amount, wanted.currency) };
  const answer = await call('POST', `${url}/v2/checkout/orders`, {
    token,
    body: { ...rest, purchase_units: [unit] },
  });
  return answer.body.id;
}
