// The one place where a passkey's signature is checked and its counter taken, whichever route it was sent to.
import { z } from '@hono/zod-openapi';
import type { AuthenticationResponseJSON } from '@simplewebauthn/server';
import { findPasskey, type PasskeyRow, takePasskeyCounter } from '#shared/db/factors.ts';
import type { Tx } from '#shared/db/pool.ts';
import { lockUser } from '#shared/db/users.ts';
import type { ApiDeps } from '../../context.ts';
import { opaqueToken } from '../schemas.ts';
import { invalidCode } from './codes.ts';
import { type PasskeyState, readState, useState } from './passkey-state.ts';
import { relyingParty } from './relying-party.ts';
import { loadWebAuthn } from './webauthn.ts';

const bytesMax = 16_384;
export const base64url = z
  .string()
  .min(1)
  .max(bytesMax)
  .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url');

/** What both answers of an authenticator have; browsers add members, which are left out. */
export const credentialFields = {
  id: base64url,
  rawId: base64url,
  type: z.literal('public-key'),
};

/** `PublicKeyCredential.toJSON()` of `navigator.credentials.get()` (WebAuthn level 3, section 5.1.8). */
export const assertion = z
  .strictObject({
    state: opaqueToken.openapi({ description: 'As it came with the options' }),
    credential: z.object({
      ...credentialFields,
      response: z.object({
        clientDataJSON: base64url,
        authenticatorData: base64url,
        signature: base64url,
        userHandle: base64url.nullish(),
      }),
    }),
  })
  .openapi('PasskeyAssertion');

type Assertion = z.infer<typeof assertion>;
type AssertionDeps = Pick<ApiDeps, 'config' | 'keyring'>;

interface ProvenPasskey {
  userId: string;
  /** Its device made sure of the user, by PIN or finger: it is two factors in one. */
  verified: boolean;
}

/**
 * Whose passkey signed our challenge, in the caller's transaction. State and counter are spent by it.
 * @throws Problem invalid_code, which must roll the transaction back.
 */
export async function takeAssertion(
  deps: AssertionDeps,
  tx: Tx,
  tenant: string,
  { state: text, credential }: Assertion,
): Promise<ProvenPasskey> {
  const state = readState(deps.keyring, { tenant, use: 'login' }, text);
  const passkey = await findPasskey(tx, Buffer.from(credential.id, 'base64url'));
  if (!passkey) throw invalidCode();
  const seen = await verify(deps, passkey, state, credential);
  if (!seen || credential.response.userHandle !== userHandleOf(passkey.userId)) throw invalidCode();
  await lockUser(tx, passkey.userId);
  await useState(tx, tenant, state);
  if (!(await takePasskeyCounter(tx, passkey.id, seen.counter))) throw invalidCode();
  return { userId: passkey.userId, verified: seen.verified };
}

/** What the authenticator stores as the account: the user's id, which tells nothing to others. */
export const userHandleBytes = (userId: string) =>
  new Uint8Array(Buffer.from(userId.replaceAll('-', ''), 'hex'));

const userHandleOf = (userId: string) => Buffer.from(userHandleBytes(userId)).toString('base64url');

/** Origin, challenge, name, presence, signature and counter (WebAuthn section 7.2). Undefined: one is wrong. */
async function verify(
  deps: AssertionDeps,
  { credentialId, publicKey, counter }: PasskeyRow,
  { challenge }: PasskeyState,
  credential: Assertion['credential'],
): Promise<{ counter: number; verified: boolean } | undefined> {
  const party = relyingParty(deps);
  const { verifyAuthenticationResponse } = await loadWebAuthn();
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: { ...credential, clientExtensionResults: {} } as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: false,
      credential: {
        id: credentialId.toString('base64url'),
        publicKey: new Uint8Array(publicKey),
        counter,
      },
    });
    if (!verified) return undefined;
    return { counter: authenticationInfo.newCounter, verified: authenticationInfo.userVerified };
  } catch {
    // The library says by a plain Error what does not fit; nothing in here waits for anything of ours.
    return undefined;
  }
}
