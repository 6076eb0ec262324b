// Statements on the tokens that are mailed to a tenant's users; only their hashes are stored.
import type { Queryable } from './pool.ts';

export type MailTokenPurpose = 'verify_email' | 'reset_password' | 'change_email';

export interface NewMailTokenRow {
  hash: Buffer;
  userId: string;
  purpose: MailTokenPurpose;
  /** The address that the token proves. */
  email: string;
  lifetimeSeconds: number;
  /** The session that asked for it, where one did: the token dies with it, unless it ends by logout. */
  sessionId?: string;
}

export async function insertMailToken(tx: Queryable, token: NewMailTokenRow): Promise<void> {
  await tx.query(
    `insert into mail_tokens (hash, user_id, purpose, email, expires_at, session_id)
     values ($1, $2, $3, $4, now() + make_interval(secs => $5), $6)`,
    [token.hash, token.userId, token.purpose, token.email, token.lifetimeSeconds, token.sessionId ?? null],
  );
}

/** The moment of the transaction, exact as text: `askedAt` of a token that is made later. */
export async function findAskedAt(tx: Queryable): Promise<string> {
  const result = await tx.query<{ askedAt: string }>(`select now()::text as "askedAt"`);
  return result.rows[0]?.askedAt ?? '';
}

/**
 * Makes the token of a mail, or gives the unused one of an earlier attempt its whole lifetime again. Under the
 * user's lock only. False: it was used, replaced by one that was asked for later (`askedAt`, Postgres' text), or
 * asked for more than a day ago.
 */
export async function upsertMailToken(
  tx: Queryable,
  token: NewMailTokenRow & { askedAt: string },
): Promise<boolean> {
  const result = await tx.query(
    `insert into mail_tokens (hash, user_id, purpose, email, created_at, expires_at)
     select $1::bytea, $2::uuid, $3::text, $4::text, $6::timestamptz, now() + make_interval(secs => $5)
     where $6::timestamptz > now() - interval '1 day' and not exists (select 1 from mail_tokens
       where user_id = $2 and purpose = $3 and hash <> $1 and created_at > $6::timestamptz)
     on conflict (hash) do update set expires_at = excluded.expires_at where mail_tokens.used_at is null`,
    [token.hash, token.userId, token.purpose, token.email, token.lifetimeSeconds, token.askedAt],
  );
  return result.rowCount === 1;
}

/** Spends the unused tokens of a user: of one purpose, or of all (null); but for the one of this hash. */
export async function spendMailTokens(
  tx: Queryable,
  userId: string,
  purpose: MailTokenPurpose | null,
  exceptHash: Buffer | null = null,
): Promise<void> {
  await tx.query(
    `update mail_tokens set used_at = now()
     where user_id = $1 and used_at is null and ($2::text is null or purpose = $2)
       and ($3::bytea is null or hash <> $3)`,
    [userId, purpose, exceptHash],
  );
}

interface LiveMailToken {
  userId: string;
  email: string;
}

/** Neither spent nor expired, and not asked for by a session that somebody ended since. */
const live = `hash = $1 and purpose = $2 and used_at is null and expires_at > now() and not exists (
  select 1 from sessions s where s.id = mail_tokens.session_id and s.revoked_at is not null
    and s.revoked_reason is distinct from 'logout')`;

/** Looks without spending. Undefined: unknown, spent or expired. */
export async function findMailToken(
  tx: Queryable,
  hash: Buffer,
  purpose: MailTokenPurpose,
): Promise<LiveMailToken | undefined> {
  const result = await tx.query<LiveMailToken>(
    `select user_id as "userId", email from mail_tokens where ${live}`,
    [hash, purpose],
  );
  return result.rows[0];
}

/** Spends a token: of several that try at once, one gets its row. Undefined: unknown, spent or expired. */
export async function consumeMailToken(
  tx: Queryable,
  hash: Buffer,
  purpose: MailTokenPurpose,
): Promise<(LiveMailToken & { sessionId: string | null }) | undefined> {
  const result = await tx.query<LiveMailToken & { sessionId: string | null }>(
    `update mail_tokens set used_at = now() where ${live}
     returning user_id as "userId", email, session_id as "sessionId"`,
    [hash, purpose],
  );
  return result.rows[0];
}
