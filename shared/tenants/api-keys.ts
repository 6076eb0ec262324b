// Secret keys of platforms: made once, shown once, kept only as a hash.
import { randomBytes } from 'node:crypto';
import type { Queryable } from '../db/pool.ts';
import { insertApiKey } from '../db/tenants.ts';
import { newId } from '../runtime/ids.ts';
import { hashApiKey } from './directory.ts';

/** What a key may do; a route names the one it needs. */
export const apiKeyScopes = [
  'read',
  'buy',
  'spend',
  'refund',
  'grant',
  'payout',
  'users',
  'webhooks',
] as const;
export type ApiKeyScope = (typeof apiKeyScopes)[number];

/** Creates a key and returns its only copy. 32 random bytes need no slow hash. */
export async function createApiKey(
  db: Queryable,
  tenant: string,
  name: string,
  scopes: readonly ApiKeyScope[],
): Promise<{ id: string; secret: string; hint: string }> {
  const secret = `sk_${tenant}_${randomBytes(32).toString('base64url')}`;
  const id = newId();
  const hint = secret.slice(-4);
  await insertApiKey(db, { id, tenant, name, hint, scopes: [...scopes], hash: hashApiKey(secret) });
  return { id, secret, hint };
}
