// Tokens that travel in mails: they name their tenant, so that a link needs no header.
import { createHash, randomBytes } from 'node:crypto';
import type { Keyring } from './secrets.ts';

export interface MailToken {
  token: string;
  /** SHA-256 of the token: all that is stored. 32 random bytes need no slow hash. */
  hash: Buffer;
}

/** Seconds that a link works: from when it was asked for, or sent anew. */
export const mailTokenLifetimeSeconds = {
  verify_email: 24 * 3600,
  reset_password: 30 * 60,
  change_email: 60 * 60,
} as const;

const pattern = /^vt_([a-z][a-z0-9-]{1,30})_[A-Za-z0-9_-]{43}$/;

const hashOf = (token: string) => createHash('sha256').update(token).digest();

export function newMailToken(tenant: string, secret: Buffer = randomBytes(32)): MailToken {
  const token = `vt_${tenant}_${secret.toString('base64url')}`;
  return { token, hash: hashOf(token) };
}

/**
 * The token of one mail, the same for every attempt to send it: a mail that arrives twice, or only at the
 * second attempt, holds a link that works. Nobody without SECRET_KEY can make it.
 */
export function mailTokenOfCause(keyring: Keyring, tenant: string, cause: string): MailToken {
  return newMailToken(tenant, keyring.mac('mail-token', `${tenant}\n${cause}`));
}

/** Undefined: not one of ours. */
export function readMailToken(token: string): { tenant: string; hash: Buffer } | undefined {
  const tenant = pattern.exec(token)?.[1];
  return tenant === undefined ? undefined : { tenant, hash: hashOf(token) };
}

/** Binds a sealed token or address to the mail that it is for. Null: a mail to an address, whoever has it. */
export function mailSealContext(tenant: string, userId: string | null): string {
  return `mail/${tenant}/${userId}`;
}
