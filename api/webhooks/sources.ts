// Which providers may report here, and how each one's word is checked on arrival.
import { openCredentials } from '#shared/tenants/credentials.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from '../context.ts';
import { isSignedWebhook, signatureHeader, webhookSecret } from '../sandbox/signature.ts';
import { paypalHeaderFault, paypalHeaders } from './paypal-headers.ts';
import { isStripeSigned } from './stripe-signature.ts';

/** A webhook as it came in. */
export interface Arrival {
  raw: Buffer;
  headerOf(name: string): string | undefined;
  nowMs: number;
}

export interface WebhookSource {
  /** Headers that are stored beside the body: what a later check of the signature needs. */
  headers: readonly string[];
  /** Whether `faultOf` proves who sent it; otherwise the worker asks the provider. */
  provesOnArrival: boolean;
  /** Why it is not believed; undefined: it may be stored. */
  faultOf(deps: ApiDeps, tenant: Tenant, arrival: Arrival): string | undefined;
}

const unsigned = 'the signature is missing, wrong or too old';

export const webhookSources: Readonly<Record<string, WebhookSource>> = {
  sandbox: {
    headers: [signatureHeader],
    provesOnArrival: true,
    faultOf: ({ keyring }, tenant, { raw, headerOf, nowMs }) =>
      isSignedWebhook(webhookSecret(keyring, tenant.slug), raw, headerOf(signatureHeader), nowMs)
        ? undefined
        : unsigned,
  },
  stripe: {
    headers: ['stripe-signature'],
    provesOnArrival: true,
    faultOf({ keyring }, tenant, { raw, headerOf, nowMs }) {
      const credentials = openCredentials(keyring, tenant, 'stripe');
      const secrets = [credentials?.webhookSecret, credentials?.webhookSecretPrevious].filter(
        (secret) => secret !== undefined,
      );
      return isStripeSigned(raw, headerOf('stripe-signature'), secrets, nowMs) ? undefined : unsigned;
    },
  },
  paypal: {
    headers: paypalHeaders,
    provesOnArrival: false,
    // Its signature is checked by the worker, which asks PayPal; here only what can be seen at once.
    faultOf: ({ config }, _tenant, { headerOf, nowMs }) =>
      paypalHeaderFault(headerOf, nowMs, new URL(config.paypalApiUrl).host),
  },
};
