// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// What the sign-in and the account page do alike with passkeys: whether they work here, and what one signs.
import { Refusal } from './wallet-api.js';

/** Browsers bind passkeys to one name, and have them on pages that came by https, or from this machine. */
export function canUsePasskeys({ passkeyOrigin }) {
  return passkeyOrigin === location.origin && window.PublicKeyCredential !== undefined;
}

/**
 * Lets the user pick a passkey, and calls `use` with what it signed. Throws what `use` throws; Refusal
 * `invalid_passkey` where that is `invalid_code`, since nobody typed a code; the browser's error (WebAuthn
 * section 5.1) when nothing was signed, such as NotAllowedError when the user did not want to.
 */
export async function usePasskey(send, { webauthn }, use) {
  const { startAuthentication } = await import(`${webauthn}/methods/startAuthentication.js`);
  const { state, options } = await send('POST', '/login/passkey/options', { body: {} });
  const credential = await startAuthentication({ optionsJSON: options });
  return use({ state, credential }).catch((error) => {
    if (error.code !== 'invalid_code') throw error;
    throw new Refusal(error.status, { ...error.problem, code: 'invalid_passkey' });
  });
}
