// The package that knows WebAuthn, loaded when a passkey is first used.

/** A sixth of all modules of an API process are its own and those below it: most processes start without any use for them. */
export const loadWebAuthn = () => import('@simplewebauthn/server');
