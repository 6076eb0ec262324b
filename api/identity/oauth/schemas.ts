// What the routes of OAuth have in common, as the OpenAPI document shows it.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { type OauthProvider, oauthProviders } from '#shared/tenants/settings.ts';

export const providerParam = z.object({
  provider: z.string().openapi({ type: 'string', enum: [...oauthProviders], example: 'google' }),
});

/** @throws Problem not_found: there is no such page, rather than bad input. */
export function requireProvider(name: string): OauthProvider {
  const provider = oauthProviders.find((each) => each === name);
  if (!provider) throw new Problem('not_found', { detail: 'There is no such provider of logins.' });
  return provider;
}

/** Given back in a query, so of characters that need no thought; short, since it travels in a cookie. */
export const platformState = z
  .string()
  .regex(/^[\x21-\x7e]{1,500}$/, 'must be 1 to 500 visible ASCII characters')
  .openapi({ description: 'Your own: comes back unchanged. Check it', example: 'b7f2c1' });

/** The SHA-256 of a verifier (RFC 7636 section 4.2); `plain` would show the verifier itself. */
export const codeChallenge = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'must be 43 characters of base64url: the SHA-256 of the verifier')
  .openapi({ example: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM' });

export const redirectTo = z
  .string()
  .max(2000)
  .openapi({ description: 'One of `oauth.redirects` of the tenant, byte by byte' });

export const identitySchema = z
  .object({
    provider: z.enum(oauthProviders),
    email: z.string().nullable().openapi({ description: 'As the provider gave it last' }),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime(),
  })
  .openapi('Identity');
