// How a tenant is known at the sandbox provider: the worker that calls it and the API that plays it must agree.
import type { Keyring } from './secrets.ts';

/** The secret that a tenant's calls to the sandbox carry; derived, so that nobody has to set one up. */
export function sandboxBearer(keyring: Keyring, tenant: string): string {
  return `sbx_${tenant}_${keyring.derive(`sandbox-api:${tenant}`).toString('base64url')}`;
}
