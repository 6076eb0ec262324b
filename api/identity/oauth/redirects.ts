// Where a login may lead back to: what the tenant listed, byte by byte, and our own pages of its wallet.
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from '../../context.ts';

/** No prefixes, no wildcards, no normalising (RFC 9700 section 4.1.3). @throws Problem redirect_not_allowed */
export function requireAllowedRedirect(
  { config }: Pick<ApiDeps, 'config'>,
  tenant: Tenant,
  redirectTo: string,
): void {
  if (tenant.settings.oauth.redirects.includes(redirectTo)) return;
  const wallet = `${config.publicUrl}/w/${tenant.slug}`;
  if (redirectTo === wallet || redirectTo === `${wallet}/account`) return;
  throw new Problem('redirect_not_allowed', {
    detail: 'The address must be, byte by byte, one of `oauth.redirects` in the settings of the tenant.',
  });
}

/** The address with the answer in its query; what it had there stays as it is. It has no fragment. */
export function addressBack(redirectTo: string, answer: Record<string, string | null>): string {
  const given = Object.entries(answer).filter((pair): pair is [string, string] => pair[1] !== null);
  const query = new URLSearchParams(given).toString();
  return new URL(`${redirectTo}${redirectTo.includes('?') ? '&' : '?'}${query}`).href;
}
