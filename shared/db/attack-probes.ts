// Statements of `npm run attack`: what is stored of an account that it made, and what it plants there.
import type { Queryable } from './pool.ts';
import { schemaOf } from './pool.ts';

/** Tables of a tenant, quoted, and the shared ones that are keyed by tenant, with the condition that finds its rows. */
export async function listTablesOf(
  db: Queryable,
  tenant: string,
): Promise<{ name: string; table: string; keyed: boolean }[]> {
  const result = await db.query<{ name: string; table: string; keyed: boolean }>(
    `select n.nspname || '.' || c.relname as name, format('%I.%I', n.nspname, c.relname) as table,
       n.nspname = 'coinlane' as keyed
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and (n.nspname = 'tenant_' || $1 or (n.nspname = 'coinlane' and exists (
       select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped)))
     order by 1`,
    [tenant],
  );
  return result.rows;
}

/** Rows of one of these tables that hold one of the texts in any column. */
export async function countRowsHolding(
  db: Queryable,
  { table, keyed }: { table: string; keyed: boolean },
  tenant: string,
  texts: string[],
): Promise<number> {
  const result = await db.query<{ count: number }>(
    `select count(*) as count from ${table} t where ($1::text is null or to_jsonb(t) ->> 'tenant' = $1)
       and exists (select 1 from unnest($2::text[]) as wanted where position(wanted in t::text) > 0)`,
    [keyed ? tenant : null, texts],
  );
  return result.rows[0]?.count ?? 0;
}

export interface StoredSecret {
  hash: string;
  scheme: string;
}

/** Undefined: no such user, or none with a password. */
export async function findStoredPassword(
  db: Queryable,
  tenant: string,
  userId: string,
): Promise<StoredSecret | undefined> {
  const result = await db.query<StoredSecret>(
    `select password_hash as hash, password_scheme as scheme from ${schemaOf(tenant)}.users
     where id = $1 and password_hash is not null`,
    [userId],
  );
  return result.rows[0];
}

export async function setStoredPassword(
  db: Queryable,
  tenant: string,
  userId: string,
  { hash, scheme }: StoredSecret,
): Promise<void> {
  await db.query(
    `update ${schemaOf(tenant)}.users set password_hash = $2, password_scheme = $3 where id = $1`,
    [userId, hash, scheme],
  );
}

/** A passkey that no authenticator made: its id exists, and nobody can log in by it. */
export async function insertStrayPasskey(
  db: Queryable,
  tenant: string,
  { id, userId }: { id: string; userId: string },
): Promise<void> {
  await db.query(
    `insert into ${schemaOf(tenant)}.factors (id, user_id, kind, lookup, public_key, confirmed_at)
     values ($1, $2, 'passkey', $3, $3, now())`,
    [id, userId, Buffer.from(id)],
  );
}

/** All times of a session, and of its proofs, so many seconds earlier. */
export async function ageSession(db: Queryable, tenant: string, id: string, seconds: number): Promise<void> {
  await db.query(
    `update ${schemaOf(tenant)}.sessions set created_at = created_at - make_interval(secs => $2),
       expires_at = expires_at - make_interval(secs => $2), rotated_at = rotated_at - make_interval(secs => $2),
       authenticated_at = authenticated_at - make_interval(secs => $2)
     where id = $1`,
    [id, seconds],
  );
}

/** Tries to take away mail tokens, which processes may delete. @returns the rows that it reached */
export async function deleteMailTokensOf(db: Queryable, tenant: string): Promise<number> {
  const result = await db.query(`delete from ${schemaOf(tenant)}.mail_tokens`);
  return result.rowCount ?? 0;
}

/** A statement that fails inside a transaction. @throws 22012 */
export async function failHere(db: Queryable): Promise<void> {
  await db.query('select 1 / 0');
}

/** What the sandbox's network says was paid. */
export async function setSandboxAmount(
  db: Queryable,
  purchaseId: string,
  { amount, currency }: { amount?: number; currency?: string },
): Promise<void> {
  await db.query(
    `update coinlane.sandbox_payments set amount = coalesce($2, amount), currency = coalesce($3, currency)
     where purchase_id = $1`,
    [purchaseId, amount ?? null, currency ?? null],
  );
}
