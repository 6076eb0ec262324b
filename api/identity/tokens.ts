// Access tokens: signed by a key of the tenant's own, verified once, then known by digest until they end.
import { hash } from 'node:crypto';
import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Services } from '#shared/boot/services.ts';
import { newId } from '#shared/runtime/ids.ts';
import { tokenAlgorithm } from '#shared/tenants/signing-keys.ts';
import { createRevocations } from './revocations.ts';

interface AccessToken {
  accessToken: string;
  /** Whole seconds. */
  expiresIn: number;
}

export interface AccessClaims {
  tenant: string;
  userId: string;
  sessionId: string;
  /** Seconds since 1970 (RFC 7519 section 2, NumericDate). */
  expiresAt: number;
}

export type AccessSigner = (subject: { userId: string; sessionId: string }) => Promise<AccessToken>;

export interface Tokens {
  issueAccess(subject: { tenant: string; userId: string; sessionId: string }): Promise<AccessToken>;
  /** Fetches the tenant's key; the signer that it returns does no I/O, so it may run under a lock. */
  signerOf(tenant: string): Promise<AccessSigner>;
  /** Undefined for whatever is not a live access token of a live session. @throws when Postgres is gone. */
  verifyAccess(token: string): Promise<AccessClaims | undefined>;
  /** Ends the sessions' access tokens in this process now; other processes hear of it from Postgres. */
  forgetSessions(sessionIds: string[]): void;
}

/** Contract: 15 minutes. */
export const accessLifetimeSeconds = 15 * 60;
/** RFC 9068 section 2.1: keeps any other kind of JWT from being taken for an access token. */
const tokenType = 'at+jwt';
const tokenLengthMax = 4096;
const issuerPattern = /^https?:\/\/[^\s?#]+\/t\/([a-z][a-z0-9-]{1,30})$/;
const cachedMax = 50_000;

const audienceOf = (tenant: string) => `coinlane:${tenant}`;

interface KnownToken {
  claims: AccessClaims;
  /** The key that signed it. */
  kid: string;
}

type TokenServices = Pick<Services, 'config' | 'db' | 'listener' | 'log' | 'signingKeys' | 'tenants'>;

export function createTokens(services: TokenServices): Tokens {
  const { config, signingKeys } = services;
  const revocations = createRevocations(services);
  const known = new LRUCache<string, KnownToken>({ max: cachedMax });

  const signerOf = async (tenant: string): Promise<AccessSigner> => {
    const { signing } = await signingKeys.of(tenant);
    return async ({ userId, sessionId }) => {
      const now = Math.floor(Date.now() / 1000);
      const accessToken = await new SignJWT({ sid: sessionId, client_id: tenant })
        .setProtectedHeader({ alg: tokenAlgorithm, typ: tokenType, kid: signing.kid })
        .setIssuer(`${config.publicUrl}/t/${tenant}`)
        .setAudience(audienceOf(tenant))
        .setSubject(userId)
        .setJti(newId())
        .setIssuedAt(now)
        .setExpirationTime(now + accessLifetimeSeconds)
        .sign(signing.key);
      return { accessToken, expiresIn: accessLifetimeSeconds };
    };
  };

  return {
    signerOf,
    issueAccess: async ({ tenant, ...subject }) => (await signerOf(tenant))(subject),
    async verifyAccess(token) {
      if (token.length > tokenLengthMax) return undefined;
      const digest = hash('sha256', token, 'base64');
      let found = known.get(digest);
      if (!found) {
        found = await readClaims(services, token);
        if (!found) return undefined;
        known.set(digest, found);
      }
      const { claims, kid } = found;
      // A key that was revoked takes with it what is known by heart.
      const { verifying } = await signingKeys.of(claims.tenant);
      if (claims.expiresAt * 1000 <= Date.now() || !verifying.has(kid)) {
        known.delete(digest);
        return undefined;
      }
      return (await revocations.isLive(claims)) ? claims : undefined;
    },
    forgetSessions: (ids) => ids.forEach(revocations.add),
  };
}

/**
 * The claims of a token that is signed by its tenant's key and means this deployment's API. The issuer's
 * host is not compared: processes without PUBLIC_URL name their own, and the key alone proves the origin.
 */
async function readClaims(services: TokenServices, token: string): Promise<KnownToken | undefined> {
  const tenant = readTenant(token);
  if (tenant === undefined || !(await services.tenants.find(tenant))) return undefined;
  try {
    const { payload, protectedHeader } = await jwtVerify(
      token,
      ({ kid }) => findKey(services.signingKeys, tenant, kid),
      {
        algorithms: [tokenAlgorithm],
        typ: tokenType,
        audience: audienceOf(tenant),
        requiredClaims: ['iss', 'sub', 'sid', 'exp'],
      },
    );
    const { sub, sid, exp } = payload;
    const { kid } = protectedHeader;
    if (typeof sub !== 'string' || typeof sid !== 'string' || exp === undefined || kid === undefined)
      return undefined;
    return { claims: { tenant, userId: sub, sessionId: sid, expiresAt: exp }, kid };
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** Another process may have made a key that nobody told us of. @throws JWKSNoMatchingKey */
async function findKey(signingKeys: TokenServices['signingKeys'], tenant: string, kid: string | undefined) {
  if (kid === undefined) throw new errors.JWKSNoMatchingKey();
  const key =
    (await signingKeys.of(tenant)).verifying.get(kid) ?? (await signingKeys.again(tenant)).verifying.get(kid);
  if (!key) throw new errors.JWKSNoMatchingKey();
  return key;
}

/** The tenant that the token claims to be of: a hint that chooses the keys and the request's turn, and nothing else. */
export function readTenant(token: string): string | undefined {
  try {
    return issuerPattern.exec(decodeJwt(token).iss ?? '')?.[1];
  } catch {
    return undefined;
  }
}
