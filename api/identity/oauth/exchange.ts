// The two ends of a login at a provider: the address to go to, and what the way back proves.
import { authorizationCodeGrant, buildAuthorizationUrl, calculatePKCECodeChallenge } from 'openid-client';
import { Problem } from '#shared/contracts/problem.ts';
import { openOauthClient } from '#shared/tenants/credentials.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { OauthClient, OauthProvider } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../../context.ts';
import { createFacebook } from './facebook.ts';
import { createGoogle } from './google.ts';
import type { Provider, ProviderIdentity } from './provider.ts';
import { isClientRefusal, isDenial, toOauthProblem, toUnavailable } from './provider-faults.ts';

/** What ties the way back to the way there. */
export interface Proofs {
  state: string;
  nonce: string;
  /** PKCE (RFC 7636): only its hash goes to the provider before the exchange. */
  verifier: string;
}

export interface Exchange {
  /** @throws Problem oauth_not_configured, oauth_unavailable */
  authorizeUrl(tenant: Tenant, provider: OauthProvider, proofs: Proofs): Promise<URL>;
  /**
   * `search`: the query that the provider sent the browser back with.
   * @returns undefined when the person said no there.
   * @throws Problem oauth_not_configured, oauth_failed, oauth_unavailable
   */
  identify(
    tenant: Tenant,
    provider: OauthProvider,
    proofs: Proofs,
    search: string,
  ): Promise<ProviderIdentity | undefined>;
}

type ExchangeDeps = Pick<ApiDeps, 'config' | 'keyring' | 'log'>;

export function createExchange({ config, keyring, log }: ExchangeDeps): Exchange {
  const providers: Record<OauthProvider, Provider> = {
    google: createGoogle(config),
    facebook: createFacebook(config),
  };
  // From PUBLIC_URL, never from the Host that a request names: providers compare it byte by byte.
  const callbackUrl = (provider: OauthProvider) => new URL(`${config.publicUrl}/oauth/${provider}/callback`);
  return {
    async authorizeUrl(tenant, name, { state, nonce, verifier }) {
      const client = requireClient(keyring, tenant, name);
      const provider = providers[name];
      const challenge = await calculatePKCECodeChallenge(verifier);
      const configuration = await configure(provider, client);
      try {
        return buildAuthorizationUrl(configuration, {
          redirect_uri: callbackUrl(name).href,
          scope: provider.scope,
          state,
          code_challenge: challenge,
          code_challenge_method: 'S256',
          ...(provider.usesNonce ? { nonce } : {}),
        });
      } catch (error) {
        throw toUnavailable(error);
      }
    },
    async identify(tenant, name, { state, nonce, verifier }, search) {
      const client = requireClient(keyring, tenant, name);
      const provider = providers[name];
      const url = callbackUrl(name);
      url.search = search;
      const configuration = await configure(provider, client);
      try {
        const tokens = await authorizationCodeGrant(configuration, url, {
          expectedState: state,
          pkceCodeVerifier: verifier,
          // Facebook gives no ID token: a nonce would be expected in vain.
          ...(provider.usesNonce ? { expectedNonce: nonce, idTokenExpected: true } : {}),
        });
        return await provider.identify(configuration, client, tokens);
      } catch (error) {
        if (isDenial(error)) return undefined;
        if (isClientRefusal(error)) {
          log.warn({ tenant: tenant.slug, provider: name }, 'a provider refuses the client of a tenant');
        }
        throw toOauthProblem(error);
      }
    },
  };
}

/** @throws Problem oauth_unavailable */
function configure(provider: Provider, client: OauthClient): ReturnType<Provider['configure']> {
  return provider.configure(client).catch((error: unknown) => {
    throw toUnavailable(error);
  });
}

/** @throws Problem oauth_not_configured */
function requireClient(keyring: ApiDeps['keyring'], tenant: Tenant, provider: OauthProvider): OauthClient {
  const client = openOauthClient(keyring, tenant, provider);
  if (client) return client;
  throw new Problem('oauth_not_configured', { detail: `The tenant has no client at ${provider}.` });
}
