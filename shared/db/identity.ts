// Statements on a tenant's users.
import type { Queryable } from './pool.ts';

export interface UserRow {
  id: string;
  email: string | null;
  emailVerifiedAt: Date | null;
  name: string | null;
  status: 'active' | 'banned' | 'erased';
  createdAt: Date;
  passwordHash: string | null;
  passwordScheme: string | null;
}

const columns = `id, email, email_verified_at as "emailVerifiedAt", name, status, created_at as "createdAt",
  password_hash as "passwordHash", password_scheme as "passwordScheme"`;

export interface NewUserRow {
  id: string;
  /** Null: whoever logs in by a provider may bring none. */
  email: string | null;
  /** Somebody whom we believe vouches for the address. */
  emailVerified?: boolean;
  name: string | null;
  passwordHash: string | null;
  passwordScheme: string | null;
}

/** Undefined: the address has an account already. */
export async function insertUser(tx: Queryable, user: NewUserRow): Promise<UserRow | undefined> {
  const result = await tx.query<UserRow>(
    `insert into users (id, email, name, password_hash, password_scheme, email_verified_at)
     values ($1, $2, $3, $4, $5, case when $6 then now() end)
     on conflict (email) do nothing returning ${columns}`,
    [user.id, user.email, user.name, user.passwordHash, user.passwordScheme, user.emailVerified ?? false],
  );
  return result.rows[0];
}

/** `email` in its normalised form. */
export async function findUserByEmail(tx: Queryable, email: string): Promise<UserRow | undefined> {
  const result = await tx.query<UserRow>(`select ${columns} from users where email = $1`, [email]);
  return result.rows[0];
}

export async function findUser(tx: Queryable, id: string): Promise<UserRow | undefined> {
  const result = await tx.query<UserRow>(`select ${columns} from users where id = $1`, [id]);
  return result.rows[0];
}

/** False: the stored hash is not `from` any more, so another request changed the password in between. */
export async function updatePassword(
  tx: Queryable,
  user: { id: string; from: string; hash: string; scheme: string },
): Promise<boolean> {
  const result = await tx.query(
    `update users set password_hash = $3, password_scheme = $4, updated_at = now()
     where id = $1 and password_hash = $2 and status = 'active'`,
    [user.id, user.from, user.hash, user.scheme],
  );
  return result.rowCount === 1;
}

/** False: the user has another address by now, or is not active. */
export async function updateEmailVerified(tx: Queryable, id: string, email: string): Promise<boolean> {
  const result = await tx.query(
    `update users set email_verified_at = coalesce(email_verified_at, now()), updated_at = now()
     where id = $1 and email = $2 and status = 'active'`,
    [id, email],
  );
  return result.rowCount === 1;
}

/**
 * Where nobody has proven the address yet, somebody else may have opened the account in its owner's name: takes
 * away what would let that person in again. A code at the login stays asked for.
 */
export async function deleteUnprovenLogins(tx: Queryable, userId: string): Promise<void> {
  await tx.query(
    `with unproven as (select id from users where id = $1 and email_verified_at is null),
       identities_gone as (delete from identities i using unproven u where i.user_id = u.id)
     delete from factors f using unproven u where f.user_id = u.id and f.kind = 'passkey'`,
    [userId],
  );
}

/**
 * Makes a password the user's, also the first one, and counts the address as proven: its mail was read.
 * False: the user has another address by now, or is not active.
 */
export async function resetPassword(
  tx: Queryable,
  user: { id: string; email: string; hash: string; scheme: string },
): Promise<boolean> {
  const result = await tx.query(
    `update users set password_hash = $3, password_scheme = $4, updated_at = now(),
       email_verified_at = coalesce(email_verified_at, now())
     where id = $1 and email = $2 and status = 'active'`,
    [user.id, user.email, user.hash, user.scheme],
  );
  return result.rowCount === 1;
}

/**
 * The new address counts as proven. False: somebody has it, or the user is not active.
 * @throws 23505 (unique_violation) when somebody takes it at this moment.
 */
export async function updateEmail(tx: Queryable, id: string, email: string): Promise<boolean> {
  const result = await tx.query(
    `update users set email = $2, email_verified_at = now(), updated_at = now()
     where id = $1 and status = 'active' and not exists (select 1 from users where email = $2)`,
    [id, email],
  );
  return result.rowCount === 1;
}

/** Holds the user until the transaction ends, as `lockUser` does: whoever makes or spends mail tokens begins so. */
export async function lockUserByEmail(tx: Queryable, email: string): Promise<UserRow | undefined> {
  const result = await tx.query<UserRow>(`select ${columns} from users where email = $1 for update`, [email]);
  return result.rows[0];
}
