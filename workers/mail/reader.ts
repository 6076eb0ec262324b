// Finds who reads a mail and what its link holds, at the time it is sent: accounts change between asking and sending.
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { findUser, findUserByEmail, lockUserByEmail, type UserRow } from '#shared/db/identity.ts';
import { findMailToken, spendMailTokens, upsertMailToken } from '#shared/db/mail-tokens.ts';
import { findMailRecipient } from '#shared/db/mails.ts';
import type { Queryable } from '#shared/db/pool.ts';
import { lockUser } from '#shared/db/users.ts';
import {
  mailSealContext,
  mailTokenLifetimeSeconds,
  mailTokenOfCause,
  readMailToken,
} from '#shared/tenants/mail-tokens.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';

export interface Reader {
  address: string;
  name: string | null;
  /** What the mail's link carries. */
  token?: string;
  /** The address that an account is to be moved to belongs to this reader already. */
  isTaken?: boolean;
}

/** `unsent`: nobody is to get this mail, as things are now. `impossible`: it cannot be made, now or later. */
export type NoReader = { unsent: string } | { impossible: string };

/** In one transaction of the tenant. */
export async function findReader(tx: Queryable, keyring: Keyring, job: EmailJob): Promise<Reader | NoReader> {
  switch (job.template) {
    case 'reset_password':
    case 'verify_email':
      return findAsker(tx, keyring, job, job.template);
    case 'change_email':
      return findNewAddress(tx, keyring, job);
    case 'email_changed':
    case 'account_erased':
    case 'alert':
      return findOldAddress(tx, keyring, job);
    default:
      return findOwner(tx, keyring, job);
  }
}

const cannotOpen = { impossible: 'what is sealed in it cannot be opened with the keys of this process' };

/** Undefined also for what is not sealed, or sealed for another mail. */
function open(keyring: Keyring, { tenant, userId }: EmailJob, sealed: unknown): string | undefined {
  try {
    return typeof sealed === 'string' ? keyring.open(sealed, mailSealContext(tenant, userId)) : undefined;
  } catch {
    // The reason could hold part of the value; that it failed says enough.
    return undefined;
  }
}

async function findOwner(tx: Queryable, keyring: Keyring, job: EmailJob): Promise<Reader | NoReader> {
  const owner = job.userId === null ? undefined : await findMailRecipient(tx, job.userId);
  if (!owner || owner.status === 'erased') return { unsent: 'the user is gone' };
  if (owner.email === null) return { unsent: 'the user has no address' };
  const reader = { address: owner.email, name: owner.name };
  if (job.data.sealedToken === undefined) return reader;
  const token = open(keyring, job, job.data.sealedToken);
  return token === undefined ? cannotOpen : { ...reader, token };
}

/** The address is nowhere else any more, or is nobody's account. */
async function findOldAddress(tx: Queryable, keyring: Keyring, job: EmailJob): Promise<Reader | NoReader> {
  const address = open(keyring, job, job.data.sealedTo);
  if (address === undefined) return cannotOpen;
  const user = job.userId === null ? undefined : await findMailRecipient(tx, job.userId);
  return { address, name: user?.name ?? null };
}

/**
 * Anybody may ask, for any address, so it is found out here whether there is anybody to write to. The token is
 * made from the mail's cause: every attempt to send it carries the same link, and an attempt that comes after
 * the link was used, or after a newer mail, is not made.
 */
async function findAsker(
  tx: Queryable,
  keyring: Keyring,
  job: EmailJob,
  purpose: 'reset_password' | 'verify_email',
): Promise<Reader | NoReader> {
  const user = await lockAsker(tx, keyring, job);
  if (user === 'sealed') return cannotOpen;
  if (user?.status !== 'active' || user.email === null) return { unsent: 'nobody logs in with it' };
  if (purpose === 'verify_email' && user.emailVerifiedAt !== null) return { unsent: 'it is verified' };
  const { token, hash } = mailTokenOfCause(keyring, job.tenant, job.cause);
  const askedAt = String(job.data.askedAt ?? new Date().toISOString());
  const lifetimeSeconds = mailTokenLifetimeSeconds[purpose];
  const row = { hash, userId: user.id, purpose, email: user.email, lifetimeSeconds, askedAt };
  if (!(await upsertMailToken(tx, row))) {
    return { unsent: 'its link was used, was asked for long ago, or a newer mail took its place' };
  }
  await spendMailTokens(tx, user.id, purpose, hash);
  return { address: user.email, name: user.name, token };
}

async function lockAsker(
  tx: Queryable,
  keyring: Keyring,
  job: EmailJob,
): Promise<UserRow | undefined | 'sealed'> {
  if (job.userId !== null) {
    await lockUser(tx, job.userId);
    return findUser(tx, job.userId);
  }
  const address = open(keyring, job, job.data.sealedTo);
  return address === undefined ? 'sealed' : lockUserByEmail(tx, address);
}

/** The address stands with the token; whoever has it already is told instead of asked. */
async function findNewAddress(tx: Queryable, keyring: Keyring, job: EmailJob): Promise<Reader | NoReader> {
  const token = open(keyring, job, job.data.sealedToken);
  const hash = token === undefined ? undefined : readMailToken(token)?.hash;
  if (token === undefined || !hash) return cannotOpen;
  const found = await findMailToken(tx, hash, 'change_email');
  if (!found) return { unsent: 'its link is over' };
  const [asker, owner] = [await findUser(tx, found.userId), await findUserByEmail(tx, found.email)];
  if (asker?.status !== 'active') return { unsent: 'the user is gone' };
  if (!owner) return { address: found.email, name: asker.name, token };
  if (owner.id === asker.id) return { unsent: 'the account has this address' };
  return { address: found.email, name: owner.name, isTaken: true };
}
