// The port to a provider of logins: what differs between them, and what a login there proves.
import type { Configuration, TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client';
import { z } from 'zod';
import type { OauthClient } from '#shared/tenants/settings.ts';
import { email, personName } from '../schemas.ts';
import { unavailable } from './provider-fetch.ts';

/** Who somebody is at a provider. The subject alone identifies: addresses and names change. */
export interface ProviderIdentity {
  provider: 'google' | 'facebook';
  subject: string;
  /** In our normalised form; null: the provider gave none that we take. */
  email: string | null;
  /** The provider vouches that the address is this person's. Never true for Facebook. */
  emailVerified: boolean;
  name: string | null;
}

export type ProviderTokens = TokenEndpointResponse & TokenEndpointResponseHelpers;

export interface Provider {
  scope: string;
  /** Asks for an ID token, which must then repeat the nonce. */
  usesNonce: boolean;
  /** The provider and the tenant's client there, for one exchange. @throws Problem oauth_unavailable */
  configure(client: OauthClient): Promise<Configuration>;
  /** @throws Problem or an error of the library, for `toOauthProblem` */
  identify(
    configuration: Configuration,
    client: OauthClient,
    tokens: ProviderTokens,
  ): Promise<ProviderIdentity>;
}

const subjectText = z.string().regex(/^[\x21-\x7e]{1,255}$/);

/** What a provider says of a person, by our own rules: what does not fit them is left out, but for the subject. */
export function readIdentity(
  provider: ProviderIdentity['provider'],
  said: { subject: unknown; email: unknown; emailVerified: boolean; name: unknown },
): ProviderIdentity {
  const subject = subjectText.safeParse(said.subject);
  if (!subject.success) throw unavailable('the provider named no subject');
  const address = email.safeParse(said.email);
  const name = personName.safeParse(said.name);
  return {
    provider,
    subject: subject.data,
    email: address.success ? address.data : null,
    emailVerified: address.success && said.emailVerified,
    name: name.success ? name.data : null,
  };
}
