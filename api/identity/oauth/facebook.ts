// Facebook: OAuth without an ID token, so its Graph is asked who logged in.
import { createHmac } from 'node:crypto';
import {
  allowInsecureRequests,
  ClientSecretPost,
  Configuration,
  customFetch,
  fetchProtectedResource,
} from 'openid-client';
import { z } from 'zod';
import type { Config } from '#shared/config/env.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { type Provider, readIdentity } from './provider.ts';
import { createProviderFetch, isClearLoopback, unavailable } from './provider-fetch.ts';

/** Versions of the Graph live about two years: raise it before it ends. */
const graphVersion = 'v23.0';

const person = z.object({ id: z.string(), name: z.unknown().optional(), email: z.unknown().optional() });

type FacebookConfig = Pick<Config, 'FACEBOOK_DIALOG_URL' | 'FACEBOOK_GRAPH_URL' | 'PROVIDER_CALL_MS'>;

/** Written by hand: Facebook's discovery names no token endpoint (research, section 5). */
export function createFacebook(config: FacebookConfig): Provider {
  const dialog = config.FACEBOOK_DIALOG_URL.replace(/\/+$/, '');
  const graph = `${config.FACEBOOK_GRAPH_URL.replace(/\/+$/, '')}/${graphVersion}`;
  const fetch = createProviderFetch(config.PROVIDER_CALL_MS);
  const inClear = [dialog, graph].every((address) => isClearLoopback(new URL(address)));
  const metadata = {
    issuer: dialog,
    authorization_endpoint: `${dialog}/${graphVersion}/dialog/oauth`,
    token_endpoint: `${graph}/oauth/access_token`,
  };
  return {
    scope: 'email public_profile',
    usesNonce: false,
    async configure({ clientId, clientSecret }) {
      const configuration = new Configuration(metadata, clientId, undefined, ClientSecretPost(clientSecret));
      configuration[customFetch] = fetch;
      // Off: the fetch has its own deadline, which also holds for the body.
      configuration.timeout = 0;
      if (inClear) allowInsecureRequests(configuration);
      return configuration;
    },
    async identify(configuration, { clientSecret }, { access_token: accessToken }) {
      const address = new URL(`${graph}/me`);
      address.searchParams.set('fields', 'id,name,email');
      // Shows that whoever asks has the app's secret too: a token that was stolen elsewhere is not enough.
      const proof = createHmac('sha256', clientSecret).update(accessToken).digest('hex');
      address.searchParams.set('appsecret_proof', proof);
      const answer = await fetchProtectedResource(configuration, accessToken, address, 'GET');
      if (answer.status >= 400 && answer.status < 500) {
        throw new Problem('oauth_failed', { internal: `the Graph answered ${answer.status}` });
      }
      if (answer.status !== 200) throw unavailable(`the Graph answered ${answer.status}`);
      const said = person.safeParse(await answer.json().catch(() => undefined));
      if (!said.success) throw unavailable('the Graph answered something else');
      // Facebook says nothing on whether an address was verified, so none is (VilnaCRM #318).
      const { id, email, name } = said.data;
      return readIdentity('facebook', { subject: id, email, emailVerified: false, name });
    },
  };
}
