// PayPal behind our port: orders, captures, refunds and disputes of each tenant's own account.
import type { Services } from '#shared/boot/services.ts';
import { openCredentials, type PaypalCredentials } from '#shared/tenants/credentials.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createPaypalApi, name } from './paypal/api.ts';
import { listChanges } from './paypal/changes.ts';
import { captureOrder, openCheckout } from './paypal/checkout.ts';
import { fetchWire } from './paypal/fetch-wire.ts';
import { readPaypalHint } from './paypal/hints.ts';
import { lookAt } from './paypal/look.ts';
import { refundPayment } from './paypal/refund.ts';
import { sdkWire } from './paypal/sdk-wire.ts';
import { verifyEvent } from './paypal/verify.ts';
import type { PaymentProvider } from './provider.ts';
import { ProviderUnavailable } from './unavailable.ts';

const wires = { sdk: sdkWire, fetch: fetchWire };

/**
 * One for all tenants: it keeps access tokens and nothing else, each under its tenant, address and secret.
 * Each request ends within PROVIDER_CALL_MS, and a call that needs several within three times that.
 */
export function createPaypalProvider(
  services: Pick<Services, 'config' | 'keyring' | 'log'>,
): PaymentProvider {
  const { config, keyring, log } = services;
  const paypal = createPaypalApi(config, wires[config.PAYPAL_DRIVER]);
  const baseUrl = config.paypalApiUrl;

  const credentialsOf = (tenant: Tenant): PaypalCredentials => {
    const credentials = openCredentials(keyring, tenant, name);
    if (!credentials) throw new ProviderUnavailable(name, 'has no account of this tenant');
    return credentials;
  };
  const begin = (tenant: Tenant) => paypal.begin(tenant.slug, credentialsOf(tenant));

  return {
    name,
    isConfigured: (tenant) => tenant.sealed[name] !== undefined,
    async createCheckout(tenant, request) {
      if (tenant.sealed[name] === undefined) {
        return { status: 'refused', detail: 'this tenant has no PayPal account' };
      }
      const place = { tenant: tenant.slug, homeUrl: `${config.publicUrl}/`, now: Date.now() };
      return openCheckout(begin(tenant), request, place);
    },
    async look(tenant, hint) {
      return lookAt(begin(tenant), hint, (error) =>
        log.error(
          { tenant: tenant.slug, err: error, alert: 'paypal_disputes_unseen' },
          'the PayPal app of a tenant may not list disputes: switch the feature on',
        ),
      );
    },
    async capture(tenant, request) {
      const refusal = await captureOrder(begin(tenant), request);
      if (refusal === undefined) return;
      log.warn({ tenant: tenant.slug, ...request, detail: refusal }, 'PayPal did not take the money');
    },
    refund: async (tenant, request) => refundPayment(begin(tenant), request),
    async verify(tenant, event) {
      const credentials = credentialsOf(tenant);
      const { webhookId } = credentials;
      return verifyEvent(paypal.begin(tenant.slug, credentials), event, { webhookId, baseUrl });
    },
    readHint: readPaypalHint,
    listChanges: (tenant, range) => listChanges(() => begin(tenant), tenant.slug, range),
  };
}
