// Opens what a tenant entrusted to us for its payment providers, at the moment of use.
import type { Config } from '../config/env.ts';
import type { Tenant } from './directory.ts';
import type { Keyring } from './secrets.ts';
import {
  type OauthClient,
  type OauthProvider,
  oauthClients,
  oauthSealName,
  providerCredentials,
  sealContext,
} from './settings.ts';

const schemas = {
  stripe: providerCredentials.shape.stripe.unwrap().unwrap(),
  paypal: providerCredentials.shape.paypal.unwrap().unwrap(),
};

export type StripeCredentials = ReturnType<typeof schemas.stripe.parse>;
export type PaypalCredentials = ReturnType<typeof schemas.paypal.parse>;
interface Credentials {
  stripe: StripeCredentials;
  paypal: PaypalCredentials;
}

/**
 * The tenant's own account at a provider; undefined: it has none.
 * @throws Error when SECRET_KEY changed without SECRET_KEY_PREVIOUS, or the stored value was damaged.
 */
export function openCredentials<Name extends keyof Credentials>(
  keyring: Keyring,
  tenant: Pick<Tenant, 'slug' | 'sealed'>,
  name: Name,
): Credentials[Name] | undefined {
  const sealed = tenant.sealed[name];
  if (sealed === undefined) return undefined;
  const opened: unknown = JSON.parse(keyring.open(sealed, sealContext(tenant.slug, name)));
  return schemas[name].parse(opened) as Credentials[Name];
}

/** The tenant's own client at a provider of logins; undefined: it has none. @throws Error like `openCredentials`. */
export function openOauthClient(
  keyring: Keyring,
  tenant: Pick<Tenant, 'slug' | 'sealed'>,
  provider: OauthProvider,
): OauthClient | undefined {
  const name = oauthSealName(provider);
  const sealed = tenant.sealed[name];
  if (sealed === undefined) return undefined;
  const opened: unknown = JSON.parse(keyring.open(sealed, sealContext(tenant.slug, name)));
  return oauthClients.shape[provider].unwrap().unwrap().parse(opened);
}

/** Whether a tenant can be paid through a provider; the sandbox stands in for one outside production. */
export function hasAccount(
  { production }: Pick<Config, 'production'>,
  { sealed }: Pick<Tenant, 'sealed'>,
  provider: string,
): boolean {
  return provider === 'sandbox' ? !production : sealed[provider] !== undefined;
}
