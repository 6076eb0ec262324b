// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Logins by Google and Facebook on the hosted wallet: away to the provider, and back with a code (RFC 7636).

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
const randomText = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Leaves the page. `returnTo` is the public address of it, which alone the server leads back to. */
export async function goToProvider(provider, { tenant, returnTo }, store) {
  const [codeVerifier, state] = [randomText(), randomText()];
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(codeVerifier));
  store.set('oauth', { codeVerifier, state });
  const query = new URLSearchParams({
    tenant,
    redirect_to: returnTo,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
    state,
  });
  location.assign(`/oauth/${provider}?${query}`);
}

/** Whether only pages that came by https, or from this machine, can hash here. */
export const canGoToProvider = () => Boolean(crypto.subtle);

/**
 * What a provider's login brought back in the address, which is cleaned at once: a code must not stay in the
 * history. Undefined: nothing. `cancelled`, or what POST /oauth/token needs.
 */
export function takeReturn(store) {
  const query = new URLSearchParams(location.search);
  const [code, error] = [query.get('code'), query.get('error')];
  if (!code?.startsWith('oc_') && error === null) return undefined;
  history.replaceState(null, '', location.pathname);
  const begun = store.get('oauth');
  store.drop('oauth');
  // Somebody else's login, or one of another tab: it is not this user's wish.
  if (!begun || begun.state !== query.get('state')) return { cancelled: true };
  return code === null ? { cancelled: true } : { code, codeVerifier: begun.codeVerifier };
}
