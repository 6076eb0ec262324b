// Keeps access tokens: one call for however many ask at once, and never a token for anyone else's secret.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { PaypalCredentials } from '#shared/tenants/credentials.ts';

export interface TokenOwner {
  tenant: string;
  baseUrl: string;
  credentials: Pick<PaypalCredentials, 'clientId' | 'clientSecret'>;
}

export interface FreshToken {
  text: string;
  /** How long PayPal takes it, in seconds from now. */
  lifetimeSeconds: number;
}

export interface TokenCache {
  /** A token that is good for a while. @throws what fetching one throws; a failure is not remembered. */
  get(owner: TokenOwner): Promise<string>;
  /** PayPal did not take this token: the next `get` fetches, unless somebody else did so meanwhile. */
  reject(owner: TokenOwner, text: string): void;
}

interface Entry {
  token: Promise<string>;
  /** Undefined while it is being fetched. */
  text?: string;
  renewAtMs: number;
}

const ownersMax = 10_000;
/** A token is renewed this long before its end, or after nine tenths of a short life. */
const renewEarlySecondsMax = 300;

/**
 * The key holds tenant, address and both credentials: a token never goes to another tenant or server,
 * and a secret that was changed, or is wrong, cannot live on an old one's token.
 */
function keyOf({ tenant, baseUrl, credentials }: TokenOwner): string {
  const parts = [tenant, baseUrl, credentials.clientId, credentials.clientSecret];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

export function createTokenCache(
  fetchToken: (owner: TokenOwner) => Promise<FreshToken>,
  now: () => number = Date.now,
): TokenCache {
  const entries = new LRUCache<string, Entry>({ max: ownersMax });

  const fetchInto = (key: string, owner: TokenOwner): Entry => {
    const entry: Entry = {
      renewAtMs: Number.POSITIVE_INFINITY,
      token: fetchToken(owner).then(
        ({ text, lifetimeSeconds }) => {
          const early = Math.min(renewEarlySecondsMax, lifetimeSeconds / 10);
          entry.renewAtMs = now() + (lifetimeSeconds - early) * 1000;
          entry.text = text;
          return text;
        },
        (error: unknown) => {
          if (entries.peek(key) === entry) entries.delete(key);
          throw error;
        },
      ),
    };
    entries.set(key, entry);
    return entry;
  };

  return {
    get(owner) {
      const key = keyOf(owner);
      const entry = entries.get(key);
      return (entry && entry.renewAtMs > now() ? entry : fetchInto(key, owner)).token;
    },
    reject(owner, text) {
      const key = keyOf(owner);
      if (entries.peek(key)?.text === text) entries.delete(key);
    },
  };
}
