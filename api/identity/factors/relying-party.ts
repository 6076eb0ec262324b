// Who we are to an authenticator: the host of PUBLIC_URL, and the one origin whose pages may ask it.
import { isIP } from 'node:net';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps } from '../../context.ts';

interface RelyingParty {
  id: string;
  origin: string;
}

const loopbacks = new Set(['127.0.0.1', '[::1]']);

/**
 * Passkeys belong to a name, never to a number (WebAuthn section 5.1.2): on this machine that is localhost.
 * @throws Problem factor_state when PUBLIC_URL names another address by number.
 */
export function relyingParty({ config }: Pick<ApiDeps, 'config'>): RelyingParty {
  const url = new URL(config.publicUrl);
  if (loopbacks.has(url.hostname)) url.hostname = 'localhost';
  if (isIP(url.hostname.replaceAll(/[[\]]/g, '')) !== 0) {
    throw new Problem('factor_state', {
      detail: 'Passkeys need a PUBLIC_URL with a name: browsers refuse them for numeric addresses.',
    });
  }
  return { id: url.hostname, origin: url.origin };
}
