// Stripe behind the port of all providers: Checkout Sessions on the tenant's own account.
import type { Services } from '#shared/boot/services.ts';
import { openCredentials } from '#shared/tenants/credentials.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { PaymentProvider } from './provider.ts';
import { livemodeOf, type StripeAccount } from './stripe/account.ts';
import { unavailable } from './stripe/answers.ts';
import { chargeStored, detachMethod } from './stripe/charge.ts';
import { createCheckout } from './stripe/checkout.ts';
import { listChanges, readHint } from './stripe/hints.ts';
import { look } from './stripe/payment-picture.ts';
import { refund } from './stripe/refund.ts';
import { openStripe } from './stripe/stripe-client.ts';

/**
 * Every call has `config.PROVIDER_CALL_MS` for all that it asks of Stripe together; a list of changes
 * has that for each page. Signatures are checked on arrival, so there is nothing to `verify` here, and
 * the payer's yes takes the money, so there is nothing to `capture`.
 */
export function createStripeProvider({
  config,
  keyring,
}: Pick<Services, 'config' | 'keyring'>): PaymentProvider {
  const open = (tenant: Tenant): StripeAccount => {
    const credentials = openCredentials(keyring, tenant, 'stripe');
    if (!credentials) throw unavailable(`has no secret key of ${tenant.slug} any more`);
    const { secretKey } = credentials;
    return {
      stripe: openStripe({ baseUrl: config.stripeApiUrl, secretKey, msMax: config.PROVIDER_CALL_MS }),
      tenant: tenant.slug,
      livemode: livemodeOf(secretKey),
    };
  };
  return {
    name: 'stripe',
    isConfigured: (tenant) => tenant.sealed.stripe !== undefined,
    createCheckout: async (tenant, request) => createCheckout(open(tenant), request, `${config.publicUrl}/`),
    look: async (tenant, hint) => look(open(tenant), hint),
    refund: async (tenant, request) => refund(open(tenant), request),
    chargeStored: async (tenant, request) => chargeStored(open(tenant), request),
    detachMethod: async (tenant, methodRef) => detachMethod(open(tenant), methodRef),
    readHint,
    listChanges: (tenant, range) => listChanges(() => open(tenant), range),
  };
}
