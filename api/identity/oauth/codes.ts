// The codes that a login at a provider comes back to the platform with: what was proven, sealed, to be redeemed once.
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from '../../context.ts';
import type { Link } from './flow.ts';
import type { ProviderIdentity } from './provider.ts';
import { openTicket, sealTicket, spendTicket } from './tickets.ts';

/** Between the redirect and `POST /oauth/token` lies one page (RFC 6749 section 4.1.2 allows ten minutes). */
const codeSeconds = 60;

/** For whom it is: whoever has the verifier, or one session of one user. Never both. */
type Holder = { challenge: string; link: null } | { challenge: null; link: Link };

export type Code = { identity: ProviderIdentity } & Holder;

const pattern = /^oc_([a-z][a-z0-9-]{1,30})_(v1\.[A-Za-z0-9._-]+)$/;
const purpose = (tenant: string) => `code/${tenant}`;

export function newCode({ keyring }: Pick<ApiDeps, 'keyring'>, tenant: Tenant, code: Code): string {
  return `oc_${tenant.slug}_${sealTicket(keyring, purpose(tenant.slug), code, codeSeconds)}`;
}

/** The tenant that the text claims to be of: a hint, and nothing else. */
export function tenantOfCode(text: string): string | undefined {
  return pattern.exec(text)?.[1];
}

/** Whoever shows it has spent it, also in vain. Undefined: not one of this tenant's, too old, or used before. */
export async function redeemCode(
  deps: Pick<ApiDeps, 'db' | 'keyring'>,
  tenant: Tenant,
  text: string,
): Promise<Code | undefined> {
  const [, named, sealed] = pattern.exec(text) ?? [];
  if (named !== tenant.slug || sealed === undefined) return undefined;
  const code = openTicket<Code>(deps.keyring, purpose(tenant.slug), sealed);
  if (!code || !(await spendTicket(deps, tenant.slug, 'code', code))) return undefined;
  return code;
}
