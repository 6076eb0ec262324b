// What the routes and pages behind the links of our mails share: finding the tenant of a token, and saying that it is dead.
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import { consumeMailToken, findMailToken, type MailTokenPurpose } from '#shared/db/mail-tokens.ts';
import type { Tx } from '#shared/db/pool.ts';
import { type LockedUser, lockUser } from '#shared/db/users.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { readMailToken } from '#shared/tenants/mail-tokens.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { servedTenant } from '../middleware/caller.ts';
import { type Page, renderPage } from '../pages/layout.ts';
import { deadLinkPage } from './verify-page.ts';

type LinkDeps = Pick<ApiDeps, 'tenants' | 'limits'>;

export interface MailLink {
  tenant: Tenant;
  /** SHA-256 of the token. */
  hash: Buffer;
}

/**
 * Counts a try at the tenant that the token names; whether the token is good, its rows tell.
 * @throws Problem invalid_token when it has not the form of ours or names no tenant, tenant_suspended,
 * address_refused, rate_limited.
 */
export async function readMailLink(deps: LinkDeps, c: Context<ApiEnv>, token: unknown): Promise<MailLink> {
  const parsed = typeof token === 'string' ? readMailToken(token) : undefined;
  if (!parsed || !(await deps.tenants.find(parsed.tenant))) throw new Problem('invalid_token');
  const tenant = await servedTenant(c, deps.tenants, parsed.tenant);
  c.set('tenant', tenant);
  await deps.limits.token(c, tenant);
  return { tenant, hash: parsed.hash };
}

/**
 * The same where X-Tenant may come along: a token of another tenant is then like one that never was, also in
 * what is counted. @throws Problem like `readMailLink`.
 */
export async function readOwnMailLink(deps: LinkDeps, c: Context<ApiEnv>, token: string): Promise<MailLink> {
  const named = c.req.header('x-tenant');
  if (named === undefined || readMailToken(token)?.tenant === named) return readMailLink(deps, c, token);
  const tenant = await deps.tenants.find(named);
  if (tenant) await deps.limits.token(c, await servedTenant(c, deps.tenants, named));
  throw new Problem('invalid_token');
}

type SpentLink = NonNullable<Awaited<ReturnType<typeof consumeMailToken>>> & { user: LockedUser };

/**
 * Spends the token of a link, in the caller's transaction, and holds its user. The user first, as in everything
 * that makes or spends tokens: in the other order the two could wait for each other.
 * @throws Problem invalid_token when it is unknown, spent or expired, or for another purpose.
 */
export async function spendMailLink(tx: Tx, hash: Buffer, purpose: MailTokenPurpose): Promise<SpentLink> {
  const found = await findMailToken(tx, hash, purpose);
  const user = found && (await lockUser(tx, found.userId));
  const spent = user && (await consumeMailToken(tx, hash, purpose));
  if (!spent) throw new Problem('invalid_token');
  return { ...spent, user };
}

/** The fields of a form, or none: a body that is no form holds no token. */
export async function readForm(c: Context<ApiEnv>): Promise<Record<string, unknown>> {
  return c.req.parseBody().catch((): Record<string, unknown> => ({}));
}

/** A person reads this: a token that is not good is a page, too. Other failures stay problems. */
export async function answerLinkPage(c: Context<ApiEnv>, work: () => Promise<Page>): Promise<Response> {
  try {
    return await renderPage(c, await work());
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'invalid_token') throw error;
    return renderPage(c, deadLinkPage());
  }
}
