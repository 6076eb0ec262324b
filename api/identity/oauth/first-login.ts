// Decides what a first login with an identity means for the accounts there are; pure, so that every case is a row of a table.
import type { ProviderIdentity } from './provider.ts';

export type FirstLogin =
  /** Nobody has the address: a new account. `withAddress`: only a proven address becomes the account's. */
  | { action: 'create'; withAddress: boolean }
  /** Both sides proved the address: the identity is one more way into that account. */
  | { action: 'link' }
  /** The account's address was never proven, and now its owner stands here: theirs, without what others put in. */
  | { action: 'reclaim' }
  /** Only who can log in to the account may say that this is the same person. */
  | { action: 'ask' };

export interface AddressOwner {
  emailVerified: boolean;
  /** Has another identity of the same provider: an address may have changed hands there, a subject never does. */
  linkedElsewhere: boolean;
}

/** `owner`: the account that has the identity's address; undefined: none has. */
export function decideFirstLogin(
  identity: Pick<ProviderIdentity, 'provider' | 'email' | 'emailVerified'>,
  owner: AddressOwner | undefined,
): FirstLogin {
  const proven = identity.provider === 'google' && identity.email !== null && identity.emailVerified;
  if (!owner) return { action: 'create', withAddress: proven };
  if (!proven) return { action: 'ask' };
  if (!owner.emailVerified) return { action: 'reclaim' };
  return owner.linkedElsewhere ? { action: 'ask' } : { action: 'link' };
}
