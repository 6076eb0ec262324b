// Stand-ins for Stripe and PayPal on a laptop: the real SDKs speak to them, and no account is needed.
import type { Config } from '#shared/config/env.ts';
import type { Log } from '#shared/runtime/log.ts';
import { startPaypalEmulator } from '#tests/emulators/paypal/paypal.ts';
import { startStripeEmulator } from '#tests/emulators/stripe/stripe.ts';
import { demoAccounts, demoTenant } from '../seed/demo-tenant.ts';

export interface PaymentEmulators {
  /** What to tell whoever started this. */
  lines: string[];
  close(): Promise<void>;
}

/**
 * Starts those whose real address was not set, next to our own port where that is free, and sets their
 * addresses in `config`. They know the demo tenant's accounts, and keep everything in memory.
 */
export async function startPaymentEmulators(
  config: Config,
  given: { stripe: boolean; paypal: boolean },
  log: Log,
): Promise<PaymentEmulators> {
  const lines: string[] = [];
  const closings: (() => Promise<void>)[] = [];
  const webhookUrl = (provider: string) => `${config.sandboxUrl}/webhooks/${provider}/${demoTenant.slug}`;
  if (!given.stripe) {
    const stripe = await nextTo(config.PORT + 1, startStripeEmulator);
    const { secretKey, webhookSecret } = demoAccounts.stripe;
    stripe.addAccount({ secretKey, webhookSecret, webhookUrl: webhookUrl('stripe') });
    config.stripeApiUrl = stripe.url;
    closings.push(() => stripe.close());
    lines.push(`Stripe stand-in    ${stripe.url}`);
  }
  if (!given.paypal) {
    const paypal = await nextTo(config.PORT + 2, startPaypalEmulator);
    paypal.addAccount({ ...demoAccounts.paypal, webhookUrl: webhookUrl('paypal') });
    config.paypalApiUrl = paypal.url;
    closings.push(() => paypal.close());
    lines.push(`PayPal stand-in    ${paypal.url}`);
  }
  log.debug(
    { stripe: config.stripeApiUrl, paypal: config.paypalApiUrl },
    'where payment providers are asked',
  );
  return { lines, close: async () => void (await Promise.all(closings.map((close) => close()))) };
}

/** A port that stays the same over restarts keeps old checkout links alive; a taken one is not worth a stop. */
async function nextTo<T>(port: number, start: (options: { port?: number }) => Promise<T>): Promise<T> {
  return start({ port }).catch(() => start({}));
}
