// Statements on the keys that sign tenants' access tokens. All times are the database's, told as they are from now.
import type { Queryable } from './pool.ts';

export interface SigningKeyRow {
  kid: string;
  tenant: string;
  algorithm: string;
  publicJwk: object;
  privateSealed: string;
  createdAt: Date;
  /** Signs from then on; published from the start. */
  activatesAt: Date;
  /** Signs until then; verifies a while longer. */
  retiredAt: Date | null;
  /** Nothing that it signed counts any more. */
  revokedAt: Date | null;
  /** Milliseconds until it signs, and until it does so no more (null: not planned); negative in the past. */
  activatesInMs: number;
  retiresInMs: number | null;
}

/** `activateInSeconds`: when it begins to sign. */
export async function insertSigningKey(
  db: Queryable,
  key: Pick<SigningKeyRow, 'kid' | 'tenant' | 'algorithm' | 'publicJwk' | 'privateSealed'> & {
    activateInSeconds: number;
  },
): Promise<void> {
  await db.query(
    `insert into coinlane.signing_keys (kid, tenant, algorithm, public_jwk, private_sealed, created_at, activates_at)
     values ($1, $2, $3, $4, $5, clock_timestamp(), now() + make_interval(secs => $6))`,
    [key.kid, key.tenant, key.algorithm, key.publicJwk, key.privateSealed, key.activateInSeconds],
  );
}

/** All keys that a tenant ever had, oldest first. */
export async function listSigningKeys(db: Queryable, tenant: string): Promise<SigningKeyRow[]> {
  const result = await db.query<SigningKeyRow>(
    `select kid, tenant, algorithm, public_jwk as "publicJwk", private_sealed as "privateSealed",
       created_at as "createdAt", activates_at as "activatesAt", retired_at as "retiredAt", revoked_at as "revokedAt",
       extract(epoch from activates_at - now())::float8 * 1000 as "activatesInMs",
       extract(epoch from retired_at - now())::float8 * 1000 as "retiresInMs"
     from coinlane.signing_keys where tenant = $1 order by created_at, kid`,
    [tenant],
  );
  return result.rows;
}

/** All keys of a tenant that sign, or are to sign, do so until then and no longer. */
export async function retireSigningKeys(db: Queryable, tenant: string, inSeconds: number): Promise<void> {
  await db.query(
    `update coinlane.signing_keys set retired_at = now() + make_interval(secs => $2)
     where tenant = $1 and revoked_at is null and (retired_at is null or retired_at > now() + make_interval(secs => $2))`,
    [tenant, inSeconds],
  );
}

/** Signs without an end; `activate`: and from now on. */
export async function prolongSigningKey(db: Queryable, kid: string, activate: boolean): Promise<void> {
  await db.query(
    `update coinlane.signing_keys set retired_at = null,
       activates_at = case when $2 then least(activates_at, now()) else activates_at end
     where kid = $1`,
    [kid, activate],
  );
}

/** False: the tenant has no such key, or it was revoked before. */
export async function revokeSigningKey(db: Queryable, tenant: string, kid: string): Promise<boolean> {
  const result = await db.query(
    `update coinlane.signing_keys set revoked_at = now()
     where tenant = $1 and kid = $2 and revoked_at is null`,
    [tenant, kid],
  );
  return result.rowCount === 1;
}

export const signingKeyChannel = 'coinlane_signing_keys';

/** Tells every API process to read this tenant's keys again; delivered when the transaction commits. */
export async function announceSigningKeys(db: Queryable, tenant: string): Promise<void> {
  await db.query(`select pg_notify('${signingKeyChannel}', $1)`, [tenant]);
}
