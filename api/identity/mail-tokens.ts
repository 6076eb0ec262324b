// The form of tokens that travel in mails: they name their tenant, so that a link needs no header.
import { createHash, randomBytes } from 'node:crypto';

export interface MailToken {
  token: string;
  /** SHA-256 of the token: all that is stored. 32 random bytes need no slow hash. */
  hash: Buffer;
}

const pattern = /^vt_([a-z][a-z0-9-]{1,30})_[A-Za-z0-9_-]{43}$/;

const hashOf = (token: string) => createHash('sha256').update(token).digest();

export function newMailToken(tenant: string): MailToken {
  const token = `vt_${tenant}_${randomBytes(32).toString('base64url')}`;
  return { token, hash: hashOf(token) };
}

/** Undefined: not one of ours. */
export function readMailToken(token: string): { tenant: string; hash: Buffer } | undefined {
  const tenant = pattern.exec(token)?.[1];
  return tenant === undefined ? undefined : { tenant, hash: hashOf(token) };
}

/** Binds a sealed token to the mail that it is for. */
export function mailSealContext(tenant: string, userId: string): string {
  return `mail/${tenant}/${userId}`;
}
