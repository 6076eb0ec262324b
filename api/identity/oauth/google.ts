// Google, or what stands in for it by GOOGLE_ISSUER_URL: OpenID Connect by discovery, with a signed ID token.
import {
  allowInsecureRequests,
  ClientSecretPost,
  Configuration,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  getJwksCache,
  None,
  type ServerMetadata,
  setJwksCache,
} from 'openid-client';
import type { Config } from '#shared/config/env.ts';
import { shareWork } from '../../time-limit.ts';
import { type Provider, readIdentity } from './provider.ts';
import { createProviderFetch, isClearLoopback, unavailable } from './provider-fetch.ts';

/** How long what the issuer publishes about itself is believed, in milliseconds. */
const metadataMsMax = 600_000;
/** The library's own limit, in seconds; that of the fetch is shorter. */
const libraryTimeoutSeconds = 60;

export function createGoogle(config: Pick<Config, 'GOOGLE_ISSUER_URL' | 'PROVIDER_CALL_MS'>): Provider {
  const issuer = new URL(config.GOOGLE_ISSUER_URL);
  const fetch = createProviderFetch(config.PROVIDER_CALL_MS);
  const execute = isClearLoopback(issuer) ? [allowInsecureRequests] : [];
  let known: { metadata: ServerMetadata; atMs: number } | undefined;
  let keys: ReturnType<typeof getJwksCache>;

  const discover = shareWork(async () => {
    const options = { [customFetch]: fetch, execute, timeout: libraryTimeoutSeconds };
    const found = await discovery(issuer, 'discovery', undefined, None(), options);
    known = { metadata: found.serverMetadata(), atMs: performance.now() };
    return known.metadata;
  });

  return {
    scope: 'openid email profile',
    usesNonce: true,
    async configure({ clientId, clientSecret }) {
      const fresh = known && performance.now() - known.atMs < metadataMsMax ? known.metadata : undefined;
      const metadata = fresh ?? (await discover());
      const configuration = new Configuration(metadata, clientId, undefined, ClientSecretPost(clientSecret));
      configuration[customFetch] = fetch;
      // Off: the fetch has its own deadline, which also holds for the body.
      configuration.timeout = 0;
      for (const extension of execute) extension(configuration);
      // The library leaves the signature to TLS by default; here a forged token must fail either way.
      enableNonRepudiationChecks(configuration);
      if (keys) setJwksCache(configuration, keys);
      return configuration;
    },
    async identify(configuration, _client, tokens) {
      keys = getJwksCache(configuration) ?? keys;
      const claims = tokens.claims();
      if (!claims) throw unavailable('the answer has no ID token');
      return readIdentity('google', {
        subject: claims.sub,
        email: claims.email,
        emailVerified: claims.email_verified === true,
        name: claims.name,
      });
    },
  };
}
