// Statements on the keys that sign tenants' access tokens.
import type { Queryable } from './pool.ts';

export interface SigningKeyRow {
  kid: string;
  tenant: string;
  algorithm: string;
  publicJwk: object;
  privateSealed: string;
  createdAt: Date;
  retiredAt: Date | null;
}

export async function insertSigningKey(
  db: Queryable,
  key: Omit<SigningKeyRow, 'createdAt' | 'retiredAt'>,
): Promise<void> {
  await db.query(
    `insert into coinlane.signing_keys (kid, tenant, algorithm, public_jwk, private_sealed)
     values ($1, $2, $3, $4, $5)`,
    [key.kid, key.tenant, key.algorithm, key.publicJwk, key.privateSealed],
  );
}

/** All keys of a tenant, oldest first. */
export async function listSigningKeys(db: Queryable, tenant: string): Promise<SigningKeyRow[]> {
  const result = await db.query<SigningKeyRow>(
    `select kid, tenant, algorithm, public_jwk as "publicJwk", private_sealed as "privateSealed",
       created_at as "createdAt", retired_at as "retiredAt"
     from coinlane.signing_keys where tenant = $1 order by created_at, kid`,
    [tenant],
  );
  return result.rows;
}
