// Statements on what a user has beside the password: an authenticator app, recovery codes, passkeys.
import type { Queryable } from './pool.ts';

/** What of it a login can be asked for: confirmed ones only. */
interface FactorCounts {
  totp: boolean;
  recoveryCodes: number;
  passkeys: number;
}

export async function countFactors(tx: Queryable, userId: string): Promise<FactorCounts> {
  const result = await tx.query<FactorCounts>(
    `select coalesce(bool_or(kind = 'totp'), false) as totp,
       (count(*) filter (where kind = 'recovery_code'))::int as "recoveryCodes",
       (count(*) filter (where kind = 'passkey'))::int as passkeys
     from factors where user_id = $1 and confirmed_at is not null`,
    [userId],
  );
  return result.rows[0] as FactorCounts;
}

export interface TotpRow {
  id: string;
  secretSealed: string;
  createdAt: Date;
  confirmedAt: Date | null;
}

export async function findTotp(tx: Queryable, userId: string): Promise<TotpRow | undefined> {
  const result = await tx.query<TotpRow>(
    `select id, secret_sealed as "secretSealed", created_at as "createdAt", confirmed_at as "confirmedAt"
     from factors where user_id = $1 and kind = 'totp'`,
    [userId],
  );
  return result.rows[0];
}

/** Takes the place of one that was never confirmed. False: there is a confirmed one. */
export async function insertTotp(
  tx: Queryable,
  totp: { id: string; userId: string; secretSealed: string },
): Promise<boolean> {
  const result = await tx.query(
    `insert into factors as f (id, user_id, kind, secret_sealed) values ($1, $2, 'totp', $3)
     on conflict (user_id) where kind = 'totp' do update
       set id = excluded.id, secret_sealed = excluded.secret_sealed, counter = -1, created_at = now()
       where f.confirmed_at is null`,
    [totp.id, totp.userId, totp.secretSealed],
  );
  return result.rowCount === 1;
}

/**
 * Takes a time step, which confirms a new authenticator. False: this step or a later one was taken before
 * (RFC 6238 section 5.2); of several that take one at once, one gets it.
 */
export async function takeTotpStep(tx: Queryable, id: string, step: number): Promise<boolean> {
  const result = await tx.query(
    `update factors set counter = $2, last_used_at = now(), confirmed_at = coalesce(confirmed_at, now())
     where id = $1 and kind = 'totp' and counter < $2`,
    [id, step],
  );
  return result.rowCount === 1;
}

/** The recovery codes go with it. False: there is none that was confirmed. */
export async function deleteTotp(tx: Queryable, userId: string): Promise<boolean> {
  const result = await tx.query<{ kind: string }>(
    `delete from factors where user_id = $1 and kind in ('totp', 'recovery_code') and confirmed_at is not null
     returning kind`,
    [userId],
  );
  return result.rows.some((row) => row.kind === 'totp');
}

/** All of a user's codes are these from now on. */
export async function replaceRecoveryCodes(
  tx: Queryable,
  userId: string,
  codes: { id: string; hash: Buffer }[],
): Promise<void> {
  await tx.query(`delete from factors where user_id = $1 and kind = 'recovery_code'`, [userId]);
  await tx.query(
    `insert into factors (id, user_id, kind, lookup, confirmed_at)
     select code.id, $1, 'recovery_code', code.hash, now()
     from unnest($2::uuid[], $3::bytea[]) as code (id, hash)`,
    [userId, codes.map((code) => code.id), codes.map((code) => code.hash)],
  );
}

/** Spends a code: of several that try at once, one does. False: it is none of this user's. */
export async function deleteRecoveryCode(tx: Queryable, userId: string, hash: Buffer): Promise<boolean> {
  const result = await tx.query(
    `delete from factors where user_id = $1 and kind = 'recovery_code' and lookup = $2`,
    [userId, hash],
  );
  return result.rowCount === 1;
}

export interface PasskeyRow {
  id: string;
  userId: string;
  /** What the authenticator calls it (WebAuthn section 4, credential id). */
  credentialId: Buffer;
  /** COSE. */
  publicKey: Buffer;
  transports: string[];
  counter: number;
  name: string | null;
  createdAt: Date;
  lastUsedAt: Date | null;
}

const passkeyColumns = `id, user_id as "userId", lookup as "credentialId", public_key as "publicKey",
  transports, counter, name, created_at as "createdAt", last_used_at as "lastUsedAt"`;

/** Oldest first. */
export async function listPasskeys(tx: Queryable, userId: string): Promise<PasskeyRow[]> {
  const result = await tx.query<PasskeyRow>(
    `select ${passkeyColumns} from factors where user_id = $1 and kind = 'passkey' order by id`,
    [userId],
  );
  return result.rows;
}

export async function findPasskey(tx: Queryable, credentialId: Buffer): Promise<PasskeyRow | undefined> {
  const result = await tx.query<PasskeyRow>(
    `select ${passkeyColumns} from factors where lookup = $1 and kind = 'passkey'`,
    [credentialId],
  );
  return result.rows[0];
}

/** False: the credential is registered already, for whomever. */
export async function insertPasskey(
  tx: Queryable,
  passkey: Omit<PasskeyRow, 'createdAt' | 'lastUsedAt'>,
): Promise<boolean> {
  const result = await tx.query(
    `insert into factors (id, user_id, kind, lookup, public_key, transports, counter, name, confirmed_at)
     values ($1, $2, 'passkey', $3, $4, $5, $6, $7, now()) on conflict (lookup) do nothing`,
    [
      passkey.id,
      passkey.userId,
      passkey.credentialId,
      passkey.publicKey,
      passkey.transports,
      passkey.counter,
      passkey.name,
    ],
  );
  return result.rowCount === 1;
}

/**
 * Takes a signature counter. False: it went back or stood still, so somebody has a copy (WebAuthn section
 * 6.1.1), or the passkey was removed. Authenticators that do not count always say 0.
 */
export async function takePasskeyCounter(tx: Queryable, id: string, counter: number): Promise<boolean> {
  const result = await tx.query(
    `update factors set counter = $2, last_used_at = now()
     where id = $1 and kind = 'passkey' and (counter < $2 or (counter = 0 and $2 = 0))`,
    [id, counter],
  );
  return result.rowCount === 1;
}

/** False: the user has no such passkey. */
export async function deletePasskey(tx: Queryable, userId: string, id: string): Promise<boolean> {
  const result = await tx.query(`delete from factors where id = $1 and user_id = $2 and kind = 'passkey'`, [
    id,
    userId,
  ]);
  return result.rowCount === 1;
}
