// Statements on everything that is kept sealed, wherever it lies: to see under which key, and to seal it anew.
import type { Queryable } from './pool.ts';

export interface SealedRow {
  tenant: string;
  name: string;
  value: string;
}

/** What tenants entrusted to us; `name` is the provider's. */
export async function listSealedCredentials(db: Queryable): Promise<SealedRow[]> {
  const result = await db.query<SealedRow>(
    `select t.slug as tenant, s.key as name, s.value from coinlane.tenants t cross join lateral jsonb_each_text(t.sealed) as s
     order by 1, 2`,
  );
  return result.rows;
}

/** False: it was changed meanwhile. */
export async function replaceSealedCredential(
  db: Queryable,
  row: SealedRow,
  value: string,
): Promise<boolean> {
  const result = await db.query(
    `update coinlane.tenants set sealed = jsonb_set(sealed, array[$2::text], to_jsonb($4::text))
     where slug = $1 and sealed ->> $2 = $3`,
    [row.tenant, row.name, row.value, value],
  );
  return result.rowCount === 1;
}

/** Private halves of keys that still sign or verify; `name` is the kid. */
export async function listSealedSigningKeys(db: Queryable): Promise<SealedRow[]> {
  const result = await db.query<SealedRow>(
    `select tenant, kid as name, private_sealed as value from coinlane.signing_keys
     where revoked_at is null and (retired_at is null or retired_at > now() - interval '1 day') order by 1, 2`,
  );
  return result.rows;
}

/** False: there is no such key any more, or it was sealed anew meanwhile. */
export async function replaceSealedSigningKey(
  db: Queryable,
  row: SealedRow,
  value: string,
): Promise<boolean> {
  const result = await db.query(
    `update coinlane.signing_keys set private_sealed = $3 where kid = $1 and private_sealed = $2`,
    [row.name, row.value, value],
  );
  return result.rowCount === 1;
}

/** Secrets that sign webhooks to tenants; `name` is the secret's id. */
export async function listSealedWebhookSecrets(db: Queryable): Promise<SealedRow[]> {
  const result = await db.query<SealedRow>(
    `select tenant, id::text as name, sealed as value from coinlane.webhook_secrets
     where expires_at is null or expires_at > now() order by 1, 2`,
  );
  return result.rows;
}

/** False: its endpoint is gone, or it was sealed anew meanwhile. */
export async function replaceSealedWebhookSecret(
  db: Queryable,
  row: SealedRow,
  value: string,
): Promise<boolean> {
  const result = await db.query(
    `update coinlane.webhook_secrets set sealed = $3 where id = $1 and sealed = $2`,
    [row.name, row.value, value],
  );
  return result.rowCount === 1;
}

/** Secrets of authenticator apps of one tenant, in its transaction; `name` is the user's id. */
export async function listSealedFactors(tx: Queryable, tenant: string): Promise<SealedRow[]> {
  const result = await tx.query<SealedRow>(
    `select $1::text as tenant, user_id::text as name, secret_sealed as value from factors
     where secret_sealed is not null order by 2`,
    [tenant],
  );
  return result.rows;
}

/** False: it was removed or set up anew meanwhile. */
export async function replaceSealedFactor(tx: Queryable, row: SealedRow, value: string): Promise<boolean> {
  const result = await tx.query(
    `update factors set secret_sealed = $3 where user_id = $1 and secret_sealed = $2`,
    [row.name, row.value, value],
  );
  return result.rowCount === 1;
}
