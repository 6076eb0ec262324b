// Every tenant signs its access tokens with a key of its own, so that one tenant's token means nothing at another.
import { exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Queryable } from '../db/pool.ts';
import { insertSigningKey, listSigningKeys } from '../db/signing-keys.ts';
import { newId } from '../runtime/ids.ts';
import type { Keyring } from './secrets.ts';

/** ECDSA on P-256 (RFC 7518 section 3.4): small tokens, and every client library can verify it. */
export const tokenAlgorithm = 'ES256';

/** Ties a sealed private key to its place. */
export const signingKeyContext = (tenant: string, kid: string) => `tenant/${tenant}/signing-key/${kid}`;

/** Makes a key pair; the private part is stored sealed. */
export async function createSigningKey(db: Queryable, keyring: Keyring, tenant: string): Promise<string> {
  const pair = await generateKeyPair(tokenAlgorithm, { extractable: true });
  const kid = newId();
  const publicJwk = { ...(await exportJWK(pair.publicKey)), kid, alg: tokenAlgorithm, use: 'sig' };
  const privateJwk = JSON.stringify(await exportJWK(pair.privateKey));
  await insertSigningKey(db, {
    kid,
    tenant,
    algorithm: tokenAlgorithm,
    publicJwk,
    privateSealed: keyring.seal(privateJwk, signingKeyContext(tenant, kid)),
  });
  return kid;
}

type VerifyKey = Awaited<ReturnType<typeof importJWK>>;

export interface TenantKeys {
  /** The key that signs now. */
  signing: { kid: string; key: VerifyKey };
  /** All keys that still verify, by kid. */
  verifying: Map<string, VerifyKey>;
  /** The same as a JWK Set (RFC 7517 section 5). */
  jwks: { keys: JWK[] };
}

export interface SigningKeys {
  /** @throws Error when the tenant has no key. */
  of(tenant: string): Promise<TenantKeys>;
  forget(tenant: string): void;
}

/** A retired key verifies this much longer, so that tokens it signed live out their 15 minutes. */
const overlapMs = 20 * 60_000;

export function openSigningKeys(db: Queryable, keyring: Keyring): SigningKeys {
  const cache = new LRUCache<string, Promise<TenantKeys>>({ max: 5000, ttl: 60_000 });
  const load = async (tenant: string): Promise<TenantKeys> => {
    const rows = (await listSigningKeys(db, tenant)).filter(
      (row) => row.retiredAt === null || row.retiredAt.getTime() + overlapMs > Date.now(),
    );
    const newest = rows.findLast((row) => row.retiredAt === null);
    if (!newest) throw new Error(`tenant ${tenant} has no signing key`);
    const privateJwk = JSON.parse(
      keyring.open(newest.privateSealed, signingKeyContext(tenant, newest.kid)),
    ) as JWK;
    const verifying = new Map<string, VerifyKey>();
    for (const row of rows) verifying.set(row.kid, await importJWK(row.publicJwk as JWK, row.algorithm));
    return {
      signing: { kid: newest.kid, key: await importJWK(privateJwk, newest.algorithm) },
      verifying,
      jwks: { keys: rows.map((row) => row.publicJwk as JWK) },
    };
  };
  return {
    forget: (tenant) => void cache.delete(tenant),
    of(tenant) {
      const cached = cache.get(tenant);
      if (cached) return cached;
      const loading = load(tenant);
      cache.set(tenant, loading);
      // A failure must not be remembered.
      loading.catch(() => cache.delete(tenant));
      return loading;
    },
  };
}
