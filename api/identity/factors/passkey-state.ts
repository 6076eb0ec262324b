// What we must remember between asking an authenticator and hearing its answer, kept by the client, sealed.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Tx } from '#shared/db/pool.ts';
import { insertUsedToken } from '#shared/db/used-tokens.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import { invalidCode } from './codes.ts';

/** Seconds that a user has to touch the authenticator. */
export const stateSeconds = 300;

const payload = z.strictObject({
  id: z.uuid(),
  /** As it was sent to the authenticator, base64url. */
  challenge: z.string(),
  /** Milliseconds since 1970. */
  expiresAt: z.int(),
});
export type PasskeyState = z.infer<typeof payload>;

/** What the state is for: nothing made for one purpose is taken for another. */
export interface StatePurpose {
  /** The tenant's slug. */
  tenant: string;
  /** `login`, or the session that registers. */
  use: 'login' | `register/${string}`;
}

const sealContext = ({ tenant, use }: StatePurpose) => `passkey-state/${tenant}/${use}`;

export function newState(keyring: Keyring, purpose: StatePurpose, challenge: string): string {
  const content: PasskeyState = { id: newId(), challenge, expiresAt: Date.now() + stateSeconds * 1000 };
  return keyring.seal(JSON.stringify(content), sealContext(purpose));
}

/** @throws Problem invalid_code when it is not one for this purpose, or not any more. */
export function readState(keyring: Keyring, purpose: StatePurpose, text: string): PasskeyState {
  let plain: string;
  try {
    plain = keyring.open(text, sealContext(purpose));
  } catch {
    throw invalidCode();
  }
  const state = payload.parse(JSON.parse(plain));
  if (state.expiresAt <= Date.now()) throw invalidCode();
  return state;
}

/** @throws Problem invalid_code when it was used before. */
export async function useState(tx: Tx, tenant: string, { id, expiresAt }: PasskeyState): Promise<void> {
  const fresh = await insertUsedToken(tx, {
    hash: createHash('sha256').update(`passkey-state/${id}`).digest(),
    tenant,
    purpose: 'passkey_state',
    expiresAt: new Date(expiresAt),
  });
  if (!fresh) throw invalidCode();
}
