// Statements that take in users and their first coins by the hundred, from files that may be sent twice or at once.
import type { Queryable } from './pool.ts';

export interface FoundUser {
  id: string;
  email: string | null;
  status: 'active' | 'banned' | 'erased';
}

/** Users with one of these ids or addresses. */
export async function listUsersOf(tx: Queryable, ids: string[], emails: string[]): Promise<FoundUser[]> {
  const result = await tx.query<FoundUser>(
    `select id, email, status from users where id = any($1::uuid[])
     union select id, email, status from users where email = any($2::text[])`,
    [ids, emails],
  );
  return result.rows;
}

export interface OpeningUser {
  id: string;
  email: string | null;
  emailVerified: boolean;
  name: string | null;
  passwordHash: string | null;
  passwordScheme: string | null;
}

/** @returns the ids of those that are new; another process may have made the others, even at this moment. */
export async function insertOpeningUsers(tx: Queryable, users: OpeningUser[]): Promise<Set<string>> {
  const result = await tx.query<{ id: string }>(
    `insert into users (id, email, name, password_hash, password_scheme, email_verified_at)
     select id, email, name, hash, scheme, case when verified then now() end
     from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[]) with ordinality
       as u (id, email, name, hash, scheme, verified, place) order by place
     on conflict do nothing returning id`,
    [
      users.map((user) => user.id),
      users.map((user) => user.email),
      users.map((user) => user.name),
      users.map((user) => user.passwordHash),
      users.map((user) => user.passwordScheme),
      users.map((user) => user.emailVerified),
    ],
  );
  return new Set(result.rows.map(({ id }) => id));
}

/** Holds users until the transaction ends, in the order of their ids: a ban or an erasure comes before or after. */
export async function lockUsers(tx: Queryable, ids: string[]): Promise<FoundUser[]> {
  const result = await tx.query<FoundUser>(
    `select id, email, status from users where id = any($1::uuid[]) order by id for update`,
    [ids],
  );
  return result.rows;
}

/** Wallets of users whom the caller holds; those that are there stay as they are. */
export async function insertOpeningWallets(
  tx: Queryable,
  wallets: { id: string; userId: string; currency: string }[],
): Promise<void> {
  await tx.query(
    `insert into wallets (id, user_id, currency, created_at)
     select w.id, w.user_id, w.currency, u.created_at
     from unnest($1::uuid[], $2::uuid[], $3::text[]) as w (id, user_id, currency) join users u on u.id = w.user_id
     on conflict (user_id, currency) do nothing`,
    [
      wallets.map((wallet) => wallet.id),
      wallets.map((wallet) => wallet.userId),
      wallets.map((wallet) => wallet.currency),
    ],
  );
}

export interface OpeningGrant {
  key: string;
  bodyHash: string;
  status: string;
  reason: string | null;
}

/** What became of the operations of these keys. */
export async function listOpeningGrants(tx: Queryable, keys: string[]): Promise<OpeningGrant[]> {
  const result = await tx.query<OpeningGrant>(
    `select idempotency_key as key, encode(body_hash, 'hex') as "bodyHash", status, reason from operations
     where idempotency_key = any($1::text[])`,
    [keys],
  );
  return result.rows;
}
