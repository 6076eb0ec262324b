// Every tenant signs its access tokens with a key of its own, so that one tenant's token means nothing at another.
import { exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Listener } from '../db/listen.ts';
import type { Queryable } from '../db/pool.ts';
import { insertSigningKey, listSigningKeys, signingKeyChannel } from '../db/signing-keys.ts';
import { newId } from '../runtime/ids.ts';
import type { Keyring } from './secrets.ts';

/** ECDSA on P-256 (RFC 7518 section 3.4): small tokens, and every client library can verify it. */
export const tokenAlgorithm = 'ES256';

/** Ties a sealed private key to its place. */
export const signingKeyContext = (tenant: string, kid: string) => `tenant/${tenant}/signing-key/${kid}`;

/** Makes a key pair, which signs after that time; the private part is stored sealed. @returns its kid. */
export async function createSigningKey(
  db: Queryable,
  keyring: Keyring,
  tenant: string,
  activateInSeconds = 0,
): Promise<string> {
  const pair = await generateKeyPair(tokenAlgorithm, { extractable: true });
  const kid = newId();
  const publicJwk = { ...(await exportJWK(pair.publicKey)), kid, alg: tokenAlgorithm, use: 'sig' };
  const privateJwk = JSON.stringify(await exportJWK(pair.privateKey));
  await insertSigningKey(db, {
    kid,
    tenant,
    algorithm: tokenAlgorithm,
    activateInSeconds,
    publicJwk,
    privateSealed: keyring.seal(privateJwk, signingKeyContext(tenant, kid)),
  });
  return kid;
}

type Key = Awaited<ReturnType<typeof importJWK>>;

export interface TenantKeys {
  /** The key that signs now. */
  signing: { kid: string; key: Key };
  /** All keys that verify, by kid: those to come, the one that signs, those that signed lately. */
  verifying: Map<string, Key>;
  /** The same as a JWK Set (RFC 7517 section 5). */
  jwks: { keys: JWK[] };
}

export interface SigningKeys {
  /** As of a few seconds ago at most. @throws Error when the tenant has no key. */
  of(tenant: string): Promise<TenantKeys>;
  /** For a key that is not known here: reads again, unless that was done within the last seconds. */
  again(tenant: string): Promise<TenantKeys>;
  forget(tenant: string): void;
}

/** A retired key verifies this much longer, so that tokens it signed live out their 15 minutes. */
const overlapMs = 20 * 60_000;
/** How long a lost notification can keep a revoked key alive, as with revoked sessions. */
const cacheMsMax = 5000;
/** Made-up names of keys cost one look per tenant and this time, in milliseconds. */
const againMsMin = 3000;

interface LoadedKeys extends Omit<TenantKeys, 'signing'> {
  /** Those that may sign, newest first, with the span in which they do: milliseconds since 1970 by our clock. */
  signers: { kid: string; key: Key; from: number; until: number }[];
}

/** `listener` tells when any process changed a tenant's keys. */
export async function openSigningKeys(
  db: Queryable,
  keyring: Keyring,
  listener: Pick<Listener, 'on'>,
): Promise<SigningKeys> {
  const cache = new LRUCache<string, Promise<LoadedKeys>>({ max: 5000, ttl: cacheMsMax });
  const reread = new LRUCache<string, true>({ max: 5000, ttl: againMsMin });
  // What a kid names never changes, and making a key of it costs more than reading the row.
  const made = new LRUCache<string, Key>({ max: 20_000 });
  const imported = async (name: string, jwk: () => JWK, algorithm: string): Promise<Key> => {
    const known = made.get(name);
    if (known) return known;
    const key = await importJWK(jwk(), algorithm);
    made.set(name, key);
    return key;
  };
  const load = async (tenant: string): Promise<LoadedKeys> => {
    const now = Date.now();
    const rows = (await listSigningKeys(db, tenant)).filter(
      (row) => row.revokedAt === null && (row.retiresInMs ?? 0) > -overlapMs,
    );
    const verifying = new Map<string, Key>();
    const signers: LoadedKeys['signers'] = [];
    for (const row of rows) {
      const { kid, algorithm } = row;
      verifying.set(kid, await imported(`public/${kid}`, () => row.publicJwk as JWK, algorithm));
      const until = row.retiresInMs === null ? Number.POSITIVE_INFINITY : now + row.retiresInMs;
      if (until <= now) continue;
      const open = () => JSON.parse(keyring.open(row.privateSealed, signingKeyContext(tenant, kid))) as JWK;
      const key = await imported(`private/${kid}`, open, algorithm);
      signers.unshift({ kid, key, from: now + row.activatesInMs, until });
    }
    return { verifying, signers, jwks: { keys: rows.map((row) => row.publicJwk as JWK) } };
  };
  const of = async (tenant: string): Promise<TenantKeys> => {
    let loading = cache.get(tenant);
    if (!loading) {
      loading = load(tenant);
      cache.set(tenant, loading);
      // A failure must not be remembered.
      loading.catch(() => cache.delete(tenant));
    }
    return asOfNow(tenant, await loading);
  };
  const forget = (tenant: string) => void cache.delete(tenant);
  await listener.on(signingKeyChannel, forget);
  return {
    of,
    forget,
    async again(tenant) {
      if (!reread.has(tenant)) {
        reread.set(tenant, true);
        forget(tenant);
      }
      return of(tenant);
    },
  };
}

/** Which key signs changes by the clock alone, also while the keys are remembered. */
function asOfNow(tenant: string, { verifying, jwks, signers }: LoadedKeys): TenantKeys {
  const now = Date.now();
  const signing = signers.find(({ from, until }) => from <= now && now < until) ?? signers[0];
  if (!signing) throw new Error(`tenant ${tenant} has no signing key`);
  return { verifying, jwks, signing };
}
