// A merchant for the emulator's tests: an account, the real SDK with its key, and an endpoint for its webhooks.
import { randomUUID } from 'node:crypto';
import Stripe from 'stripe';
import { startWebhookReceiver, type WebhookReceiver } from '../kit/webhook-receiver.ts';
import { type StripeEmulator, startStripeEmulator } from './stripe.ts';
import type { StripeAccountOptions } from './stripe-world.ts';

export interface Shop {
  emulator: StripeEmulator;
  receiver: WebhookReceiver;
  sdk: Stripe;
  secretKey: string;
  webhookSecret: string;
  /** An open session over 1000 eur, unless told otherwise. */
  open(changes?: Partial<Stripe.Checkout.SessionCreateParams>): Promise<Stripe.Checkout.Session>;
  /** A paid session's intent. */
  sell(
    ...options: Parameters<StripeEmulator['payer']['pay']> extends [string, ...infer Rest] ? Rest : never
  ): Promise<string>;
  /** Types of all events so far, oldest first, as the API lists them. */
  eventTypes(): Promise<string[]>;
  close(): Promise<void>;
}

/** The SDK as our driver uses it: no retries of its own, a short deadline. */
export function sdkFor(emulator: StripeEmulator, secretKey: string, timeout = 2000): Stripe {
  const { hostname, port } = new URL(emulator.url);
  return new Stripe(secretKey, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, timeout });
}

export const sessionRequest = (
  changes: Partial<Stripe.Checkout.SessionCreateParams> = {},
): Stripe.Checkout.SessionCreateParams => ({
  mode: 'payment',
  line_items: [
    {
      quantity: 1,
      price_data: { currency: 'eur', unit_amount: 1000, product_data: { name: '500 gems' } },
    },
  ],
  success_url: 'https://shop.example/thanks?session={CHECKOUT_SESSION_ID}',
  cancel_url: 'https://shop.example/basket',
  client_reference_id: 'purchase-1',
  metadata: { purchase: 'purchase-1' },
  payment_intent_data: { metadata: { purchase: 'purchase-1' } },
  ...changes,
});

export async function openShop(account: Partial<StripeAccountOptions> = {}): Promise<Shop> {
  const emulator = await startStripeEmulator();
  const receiver = await startWebhookReceiver();
  const secretKey = `sk_test_${randomUUID().replaceAll('-', '')}`;
  const webhookSecret = `whsec_${randomUUID().replaceAll('-', '')}`;
  emulator.addAccount({ secretKey, webhookSecret, webhookUrl: receiver.url, ...account });
  const sdk = sdkFor(emulator, secretKey);
  const shop: Shop = {
    emulator,
    receiver,
    sdk,
    secretKey,
    webhookSecret,
    open: (changes) => sdk.checkout.sessions.create(sessionRequest(changes)),
    sell: async (options) => emulator.payer.pay((await shop.open()).id, options),
    eventTypes: async () => {
      const { data } = await sdk.events.list({ limit: 100 });
      return data.map(({ type }) => type).reverse();
    },
    async close() {
      await emulator.close();
      await receiver.close();
    },
  };
  return shop;
}
