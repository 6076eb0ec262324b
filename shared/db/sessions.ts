// Statements on a tenant's sessions. All times are the database's, so that processes need not agree on one.
import type { Queryable } from './pool.ts';

export type LoginMethod = 'password' | 'google' | 'facebook' | 'passkey';

export interface NewSessionRow {
  id: string;
  userId: string;
  /** The password hash that was checked: a session must not outlive a password change of the same moment. Null: no password was. */
  passwordHash: string | null;
  /** How the login was made, and whether a second factor was part of it. */
  method: LoginMethod;
  secondFactor: boolean;
  familyHash: Buffer;
  currentHash: Buffer;
  lifetimeSeconds: number;
  address: string;
  userAgent: string | null;
}

/** Takes a share lock on the user. False: the user is not active, or the password was changed meanwhile. */
export async function insertSession(tx: Queryable, session: NewSessionRow): Promise<boolean> {
  const result = await tx.query(
    `insert into sessions (id, user_id, expires_at, family_hash, current_hash, address, user_agent, method, second_factor_at)
     select $1::uuid, u.id, now() + make_interval(secs => $4), $5::bytea, $6::bytea, $7::text, $8::text, $9::text,
       case when $10::boolean then now() end
     from (select id from users where id = $2 and ($3::text is null or password_hash = $3) and status = 'active'
       for share) u`,
    [
      session.id,
      session.userId,
      session.passwordHash,
      session.lifetimeSeconds,
      session.familyHash,
      session.currentHash,
      session.address,
      session.userAgent,
      session.method,
      session.secondFactor,
    ],
  );
  return result.rowCount === 1;
}

export interface SessionRow {
  id: string;
  userId: string;
  familyHash: Buffer;
  currentHash: Buffer;
  previousHash: Buffer | null;
  successorSealed: string | null;
  /** Not revoked, within its lifetime, and of an active user. */
  live: boolean;
  /** The last rotation is at most the grace ago. */
  inGrace: boolean;
}

/** Locks the session until the transaction ends. `graceSeconds`: how long after a rotation `inGrace` is true. */
export async function lockSession(
  tx: Queryable,
  id: string,
  graceSeconds: number,
): Promise<SessionRow | undefined> {
  const result = await tx.query<SessionRow>(
    `select s.id, s.user_id as "userId", s.family_hash as "familyHash", s.current_hash as "currentHash",
       s.previous_hash as "previousHash", s.successor_sealed as "successorSealed",
       s.revoked_at is null and s.expires_at > clock_timestamp() and u.status = 'active' as live,
       s.rotated_at > clock_timestamp() - make_interval(secs => $2) as "inGrace"
     from sessions s join users u on u.id = s.user_id where s.id = $1 for update of s`,
    [id, graceSeconds],
  );
  return result.rows[0];
}

/** The current token becomes the previous one. Call it under the session's lock only. */
export async function rotateSession(
  tx: Queryable,
  session: { id: string; currentHash: Buffer; successorSealed: string },
): Promise<void> {
  await tx.query(
    `update sessions set previous_hash = current_hash, current_hash = $2, successor_sealed = $3,
       rotated_at = clock_timestamp(), last_seen_at = clock_timestamp(), rotations = rotations + 1
     where id = $1`,
    [session.id, session.currentHash, session.successorSealed],
  );
}

/** False: there is no such session, or it was revoked before. */
export async function revokeSession(tx: Queryable, id: string, reason: string): Promise<boolean> {
  const result = await tx.query(
    `update sessions set revoked_at = now(), revoked_reason = $2, successor_sealed = null
     where id = $1 and revoked_at is null`,
    [id, reason],
  );
  return result.rowCount === 1;
}

/** Of this user only. False: the session is somebody else's, or it is over. */
export async function revokeSessionOf(
  tx: Queryable,
  userId: string,
  id: string,
  reason: string,
): Promise<boolean> {
  const result = await tx.query(
    `update sessions set revoked_at = now(), revoked_reason = $3, successor_sealed = null
     where user_id = $1 and id = $2 and revoked_at is null and expires_at > now()`,
    [userId, id, reason],
  );
  return result.rowCount === 1;
}

export interface SessionLine {
  id: string;
  createdAt: Date;
  lastSeenAt: Date;
  address: string | null;
  userAgent: string | null;
  method: string;
}

/** A user's sessions that are not over, newest first. */
export async function listLiveSessions(tx: Queryable, userId: string): Promise<SessionLine[]> {
  const result = await tx.query<SessionLine>(
    `select id, created_at as "createdAt", last_seen_at as "lastSeenAt", address, user_agent as "userAgent", method
     from sessions where user_id = $1 and revoked_at is null and expires_at > now() order by id desc`,
    [userId],
  );
  return result.rows;
}

/** Revokes the user's sessions except one (null: all). @returns the ids of those that were live until now. */
export async function revokeOtherSessions(
  tx: Queryable,
  userId: string,
  exceptId: string | null,
  reason: string,
): Promise<string[]> {
  const result = await tx.query<{ id: string }>(
    `update sessions set revoked_at = now(), revoked_reason = $3, successor_sealed = null
     where user_id = $1 and id is distinct from $2 and revoked_at is null returning id`,
    [userId, exceptId, reason],
  );
  return result.rows.map((row) => row.id);
}

export const sessionChannel = 'coinlane_sessions';

/** Tells every API process that these sessions are over; delivered when the transaction commits. */
export async function announceRevokedSessions(tx: Queryable, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(`select pg_notify('${sessionChannel}', id) from unnest($1::text[]) as id`, [ids]);
}

/** Not revoked, within its lifetime, and of this active user. */
export async function isSessionLive(tx: Queryable, id: string, userId: string): Promise<boolean> {
  return (await findLiveSessions(tx, [{ id, userId }])).has(id);
}

/**
 * The ids of those that are not revoked, within their lifetime, and of this active user. Two index seeks for each, whatever the
 * planner thinks of the sizes: of tables that nobody counted yet it would read all users.
 */
export async function findLiveSessions(
  tx: Queryable,
  sessions: { id: string; userId: string }[],
): Promise<Set<string>> {
  const result = await tx.query<{ id: string }>({
    name: 'find_live_sessions',
    text: `select s.id from unnest($1::uuid[], $2::uuid[]) as asked (id, user_id)
      cross join lateral (select * from sessions where id = asked.id limit 1) as s
      cross join lateral (select status from users where id = s.user_id limit 1) as u
      where s.user_id = asked.user_id and s.revoked_at is null and s.expires_at > now() and u.status = 'active'`,
    values: [sessions.map(({ id }) => id), sessions.map(({ userId }) => userId)],
  });
  return new Set(result.rows.map(({ id }) => id));
}

/** Seconds since the session's user last proved who they are, and since the last second factor; null: never, or no such session. */
export async function findSessionAge(
  tx: Queryable,
  id: string,
): Promise<{ authenticated: number; secondFactor: number | null } | undefined> {
  const result = await tx.query<{ authenticated: number; secondFactor: number | null }>(
    `select extract(epoch from now() - authenticated_at)::float8 as authenticated,
       extract(epoch from now() - second_factor_at)::float8 as "secondFactor"
     from sessions where id = $1 and revoked_at is null`,
    [id],
  );
  return result.rows[0];
}

/** The user proved again who they are. False: there is no such session, or it is over. */
export async function confirmSession(tx: Queryable, id: string, secondFactor: boolean): Promise<boolean> {
  const result = await tx.query(
    `update sessions set authenticated_at = now(),
       second_factor_at = case when $2 then now() else second_factor_at end
     where id = $1 and revoked_at is null and expires_at > now()`,
    [id, secondFactor],
  );
  return result.rowCount === 1;
}
