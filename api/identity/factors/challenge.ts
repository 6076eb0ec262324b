// What a login gets that still needs its second factor: sealed, short-lived, and for that one purpose.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { LoginMethod } from '#shared/db/sessions.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';

/** Seconds between the first factor and the second. */
const challengeSeconds = 300;

const payload = z.strictObject({
  id: z.uuid(),
  userId: z.uuid(),
  method: z.enum(['password', 'google', 'facebook', 'passkey']),
  /** Of the stored hash that the password was checked against; null where no password was. */
  passwordDigest: z.string().nullable(),
  /** The known device of the login, whose failed tries have a count of their own. */
  device: z.string().nullable(),
  /** Milliseconds since 1970. */
  expiresAt: z.int(),
});

export interface Challenge extends z.infer<typeof payload> {
  /** What marks it as used. Not of the text: base64 can be written in several ways, and each would be new. */
  hash: Buffer;
}

interface ChallengedLogin {
  userId: string;
  method: LoginMethod;
  passwordHash: string | null;
  device: string | undefined;
}

// The purpose is part of what is sealed against: no other sealed value of ours can be taken for a challenge.
const sealContext = (tenant: string) => `login-challenge/${tenant}`;
const pattern = /^lc_([a-z][a-z0-9-]{1,30})_(v1\.[A-Za-z0-9._-]+)$/;

/** Names a stored password hash without telling it: a challenge dies with the password it came from. */
export function passwordDigest(passwordHash: string | null): string | null {
  return passwordHash === null ? null : createHash('sha256').update(passwordHash).digest('base64url');
}

export function newChallenge(keyring: Keyring, tenant: string, login: ChallengedLogin): string {
  const content: z.infer<typeof payload> = {
    id: newId(),
    userId: login.userId,
    method: login.method,
    passwordDigest: passwordDigest(login.passwordHash),
    device: login.device ?? null,
    expiresAt: Date.now() + challengeSeconds * 1000,
  };
  return `lc_${tenant}_${keyring.seal(JSON.stringify(content), sealContext(tenant))}`;
}

/** The tenant that the text claims to be of: a hint, and nothing else. */
export function tenantOfChallenge(text: string): string | undefined {
  return pattern.exec(text)?.[1];
}

/** Undefined: not one of this tenant's, or not any more. */
export function readChallenge(keyring: Keyring, tenant: string, text: string): Challenge | undefined {
  const [, named, sealed] = pattern.exec(text) ?? [];
  if (named !== tenant || sealed === undefined) return undefined;
  let plain: string;
  try {
    plain = keyring.open(sealed, sealContext(tenant));
  } catch {
    return undefined;
  }
  const challenge = payload.parse(JSON.parse(plain));
  if (challenge.expiresAt <= Date.now()) return undefined;
  return { ...challenge, hash: createHash('sha256').update(`challenge/${challenge.id}`).digest() };
}
