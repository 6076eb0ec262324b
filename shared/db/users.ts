// Statements by which others than the user look at users and change what they may do.
import type { Queryable } from './pool.ts';

export const userStatuses = ['active', 'banned', 'erased'] as const;
export type UserStatus = (typeof userStatuses)[number];

export interface UserLine {
  id: string;
  email: string | null;
  emailVerifiedAt: Date | null;
  name: string | null;
  status: UserStatus;
  createdAt: Date;
  bannedAt: Date | null;
  banReason: string | null;
  erasedAt: Date | null;
}

const lineColumns = `id, email, email_verified_at as "emailVerifiedAt", name, status, created_at as "createdAt",
  banned_at as "bannedAt", ban_reason as "banReason", erased_at as "erasedAt"`;

export interface UserFilter {
  /** In its normalised form. */
  email: string | undefined;
  status: UserStatus | undefined;
  /** The user that the page before ended with. */
  after: string | undefined;
  limit: number;
}

/** Users, the newest first: their ids grow with time. */
export async function listUsers(tx: Queryable, filter: UserFilter): Promise<UserLine[]> {
  const result = await tx.query<UserLine>(
    `select ${lineColumns} from users where ($1::text is null or email = $1)
       and ($2::text is null or status = $2) and ($3::uuid is null or id < $3) order by id desc limit $4`,
    [filter.email ?? null, filter.status ?? null, filter.after ?? null, filter.limit],
  );
  return result.rows;
}

export interface UserWallet {
  id: string;
  currency: string;
  balance: number;
  held: number;
  debt: number;
  frozenReason: string | null;
}

export interface UserWhole extends UserLine {
  hasPassword: boolean;
  /** Sessions that are neither over nor past their lifetime. */
  sessions: number;
  identities: { provider: string; email: string | null; createdAt: Date; lastUsedAt: Date }[];
  factors: { kind: string; name: string | null; createdAt: Date; lastUsedAt: Date | null }[];
  wallets: UserWallet[];
}

/** A user with what hangs on the account; of factors only those that are confirmed. */
export async function findWholeUser(tx: Queryable, id: string): Promise<UserWhole | undefined> {
  const [user, identities, factors, wallets] = await Promise.all([
    tx.query<Omit<UserWhole, 'identities' | 'factors' | 'wallets'>>(
      `select ${lineColumns}, password_hash is not null as "hasPassword",
         (select count(*) from sessions where user_id = $1 and revoked_at is null and expires_at > now()) as sessions
       from users where id = $1`,
      [id],
    ),
    tx.query<UserWhole['identities'][number]>(
      `select provider, email, created_at as "createdAt", last_used_at as "lastUsedAt" from identities
       where user_id = $1 order by provider`,
      [id],
    ),
    tx.query<UserWhole['factors'][number]>(
      `select kind, name, created_at as "createdAt", last_used_at as "lastUsedAt" from factors
       where user_id = $1 and confirmed_at is not null order by created_at, id`,
      [id],
    ),
    tx.query<UserWallet>(
      `select id, currency, balance, held, debt, frozen_reason as "frozenReason" from wallets
       where user_id = $1 order by id`,
      [id],
    ),
  ]);
  const [row] = user.rows;
  return row && { ...row, identities: identities.rows, factors: factors.rows, wallets: wallets.rows };
}

/** Holds all wallets of a user until the transaction ends, as settling does: before the user's own row. */
export async function lockWalletsOfUser(
  tx: Queryable,
  userId: string,
): Promise<Pick<UserWallet, 'id' | 'balance' | 'debt'>[]> {
  const result = await tx.query<Pick<UserWallet, 'id' | 'balance' | 'debt'>>(
    `select id, balance, debt from wallets where user_id = $1 order by id for update`,
    [userId],
  );
  return result.rows;
}

export interface LockedUser {
  status: UserStatus;
  email: string | null;
}

/** Holds the user until the transaction ends; logins and refreshes that have begun are over then. */
export async function lockUser(tx: Queryable, id: string): Promise<LockedUser | undefined> {
  const result = await tx.query<LockedUser>(`select status, email from users where id = $1 for update`, [id]);
  return result.rows[0];
}

/** On a user that the caller holds. */
export async function setBanned(tx: Queryable, id: string, reason: string | null): Promise<void> {
  await tx.query(
    `update users set status = 'banned', banned_at = now(), ban_reason = $2, updated_at = now() where id = $1`,
    [id, reason],
  );
}

/** On a user that the caller holds. */
export async function setUnbanned(tx: Queryable, id: string): Promise<void> {
  await tx.query(
    `update users set status = 'active', banned_at = null, ban_reason = null, updated_at = now() where id = $1`,
    [id],
  );
}

/** Revokes every session of a user that is not over. @returns their ids */
export async function revokeSessionsOf(tx: Queryable, userId: string, reason: string): Promise<string[]> {
  const result = await tx.query<{ id: string }>(
    `update sessions set revoked_at = now(), revoked_reason = $2, successor_sealed = null
     where user_id = $1 and revoked_at is null returning id`,
    [userId, reason],
  );
  return result.rows.map((row) => row.id);
}
