// Statements on who a tenant's users are at providers of logins, and on what makes an account theirs.
import type { Queryable } from './pool.ts';

export interface IdentityKey {
  provider: 'google' | 'facebook';
  /** The provider's own name of the account; it never changes. */
  subject: string;
}

export interface IdentityRow extends IdentityKey {
  userId: string;
  /** As the provider gave it last; null: it gave none. */
  email: string | null;
  createdAt: Date;
  lastUsedAt: Date;
}

const columns = `provider, subject, user_id as "userId", email, created_at as "createdAt",
  last_used_at as "lastUsedAt"`;

/** Notes a use, and the address as the provider knows it now. Undefined: nobody has this identity. */
export async function touchIdentity(
  tx: Queryable,
  identity: IdentityKey & { email: string | null },
): Promise<string | undefined> {
  const result = await tx.query<{ userId: string }>(
    `update identities set last_used_at = now(), email = coalesce($3, email)
     where provider = $1 and subject = $2 returning user_id as "userId"`,
    [identity.provider, identity.subject, identity.email],
  );
  return result.rows[0]?.userId;
}

/** False: somebody has the identity, or the user has another one of this provider. Waits for who is at it. */
export async function insertIdentity(
  tx: Queryable,
  identity: IdentityKey & { userId: string; email: string | null },
): Promise<boolean> {
  const result = await tx.query(
    `insert into identities (provider, subject, user_id, email) values ($1, $2, $3, $4) on conflict do nothing`,
    [identity.provider, identity.subject, identity.userId, identity.email],
  );
  return result.rowCount === 1;
}

export async function findIdentity(tx: Queryable, key: IdentityKey): Promise<IdentityRow | undefined> {
  const result = await tx.query<IdentityRow>(
    `select ${columns} from identities where provider = $1 and subject = $2`,
    [key.provider, key.subject],
  );
  return result.rows[0];
}

export async function listIdentities(tx: Queryable, userId: string): Promise<IdentityRow[]> {
  const result = await tx.query<IdentityRow>(
    `select ${columns} from identities where user_id = $1 order by provider`,
    [userId],
  );
  return result.rows;
}

/** False: there was none. */
export async function deleteIdentity(
  tx: Queryable,
  userId: string,
  provider: IdentityKey['provider'],
): Promise<boolean> {
  const result = await tx.query(`delete from identities where user_id = $1 and provider = $2`, [
    userId,
    provider,
  ]);
  return result.rowCount === 1;
}

/**
 * Gives an account, whose user the caller has locked, to the owner of its address: no password, identity,
 * factor or mailed token of whoever made it works any more. Its sessions are revoked by themselves.
 */
export async function resetAccount(tx: Queryable, userId: string): Promise<void> {
  await tx.query(
    `with identities_gone as (delete from identities where user_id = $1),
       factors_gone as (delete from factors where user_id = $1),
       tokens_spent as (update mail_tokens set used_at = now() where user_id = $1 and used_at is null)
     update users set password_hash = null, password_scheme = null, email_verified_at = now(), updated_at = now()
     where id = $1`,
    [userId],
  );
}

/** Revokes the sessions that logins by one provider opened, except one. @returns their ids. */
export async function revokeSessionsOfMethod(
  tx: Queryable,
  session: { userId: string; method: IdentityKey['provider']; exceptId: string },
  reason: string,
): Promise<string[]> {
  const result = await tx.query<{ id: string }>(
    `update sessions set revoked_at = now(), revoked_reason = $4, successor_sealed = null
     where user_id = $1 and method = $2 and id <> $3 and revoked_at is null returning id`,
    [session.userId, session.method, session.exceptId, reason],
  );
  return result.rows.map((row) => row.id);
}
