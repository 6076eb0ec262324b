// Statements on a tenant's users and the tokens that are mailed to them.
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

/** Undefined: the address has an account already. */
export async function insertUser(
  tx: Queryable,
  user: { id: string; email: string; name: string | null; passwordHash: string; passwordScheme: string },
): Promise<UserRow | undefined> {
  const result = await tx.query<UserRow>(
    `insert into users (id, email, name, password_hash, password_scheme) values ($1, $2, $3, $4, $5)
     on conflict (email) do nothing returning ${columns}`,
    [user.id, user.email, user.name, user.passwordHash, user.passwordScheme],
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

export type MailTokenPurpose = 'verify_email' | 'reset_password' | 'change_email';

export async function insertMailToken(
  tx: Queryable,
  token: { hash: Buffer; userId: string; purpose: MailTokenPurpose; email: string; lifetimeSeconds: number },
): Promise<void> {
  await tx.query(
    `insert into mail_tokens (hash, user_id, purpose, email, expires_at)
     values ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
    [token.hash, token.userId, token.purpose, token.email, token.lifetimeSeconds],
  );
}

/** Spends a token: of several that try at once, one gets its row. Undefined: unknown, spent or expired. */
export async function consumeMailToken(
  tx: Queryable,
  hash: Buffer,
  purpose: MailTokenPurpose,
): Promise<{ userId: string; email: string } | undefined> {
  const result = await tx.query<{ userId: string; email: string }>(
    `update mail_tokens set used_at = now()
     where hash = $1 and purpose = $2 and used_at is null and expires_at > now()
     returning user_id as "userId", email`,
    [hash, purpose],
  );
  return result.rows[0];
}
