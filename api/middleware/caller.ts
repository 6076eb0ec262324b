// Finds out who calls: a user by access token, a platform by secret key; the tenant comes from the credential.
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant, TenantDirectory } from '#shared/tenants/directory.ts';
import type { ApiDeps, ApiEnv, Caller, RequiredScope } from '../context.ts';
import { requireServedAddress } from './ip-rules.ts';

const slugPattern = /^[a-z][a-z0-9-]{1,30}$/;
const unauthenticated = () =>
  new Problem('unauthenticated', {
    detail: 'Send "Authorization: Bearer" with an access token or a secret key.',
  });

/** @throws Problem tenant_not_found or tenant_suspended. */
async function liveTenant(tenants: TenantDirectory, slug: string): Promise<Tenant> {
  const tenant = slugPattern.test(slug) ? await tenants.find(slug) : undefined;
  if (!tenant || tenant.status === 'provisioning') {
    throw new Problem('tenant_not_found', { detail: `There is no tenant "${slug.slice(0, 40)}".` });
  }
  if (tenant.status === 'suspended') throw new Problem('tenant_suspended');
  return tenant;
}

/** For requests whose tenant a token, a path or a query names. @throws Problem as liveTenant, address_refused. */
export async function servedTenant(
  c: Context<ApiEnv>,
  tenants: TenantDirectory,
  slug: string,
): Promise<Tenant> {
  const tenant = await liveTenant(tenants, slug);
  requireServedAddress(c, tenant);
  return tenant;
}

/** The tenant of a credential that is valid, though nobody asked for one. */
async function tenantOfCredential(
  c: Context<ApiEnv>,
  { tenants, tokens }: Pick<ApiDeps, 'tenants' | 'tokens'>,
): Promise<string | undefined> {
  const credential = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (credential === undefined) return undefined;
  const known = credential.startsWith('sk_') ? tenants.findKey(credential) : tokens.verifyAccess(credential);
  return (await known)?.tenant;
}

async function authenticate(c: Context<ApiEnv>, deps: ApiDeps): Promise<Caller> {
  const [scheme, credential, ...rest] = (c.req.header('authorization') ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || !credential || rest.length > 0) throw unauthenticated();
  if (credential.startsWith('sk_')) {
    const key = await deps.tenants.findKey(credential);
    if (!key) throw unauthenticated();
    const tenant = await liveTenant(deps.tenants, key.tenant);
    return { type: 'platform', tenant, keyId: key.id, scopes: new Set(key.scopes) };
  }
  const claims = await deps.tokens.verifyAccess(credential);
  if (!claims) throw unauthenticated();
  const tenant = await liveTenant(deps.tenants, claims.tenant);
  return { type: 'user', tenant, userId: claims.userId, sessionId: claims.sessionId };
}

/** Requires a user or a platform, and refuses an X-Tenant header that contradicts the credential. */
export function requireCaller(deps: ApiDeps) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const caller = await authenticate(c, deps);
    requireServedAddress(c, caller.tenant, caller.type);
    const named = c.req.header('x-tenant');
    if (named !== undefined && named !== caller.tenant.slug) throw new Problem('tenant_mismatch');
    c.set('caller', caller);
    c.set('tenant', caller.tenant);
    // Not awaited where there is nothing to wait for: every request passes here.
    const limited = deps.limits.request(c, caller);
    if (limited) await limited;
    await next();
  });
}

/** Routes without a credential: the tenant is named by X-Tenant, which contradicts none that is sent all the same. */
export function requireTenant(deps: Pick<ApiDeps, 'tenants' | 'tokens'>) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const slug = c.req.header('x-tenant');
    if (slug === undefined || slug === '') throw new Problem('tenant_required');
    c.set('tenant', await servedTenant(c, deps.tenants, slug));
    if (((await tenantOfCredential(c, deps)) ?? slug) !== slug) throw new Problem('tenant_mismatch');
    await next();
  });
}

/** @throws Problem insufficient_scope when a platform's key lacks it; users need no scopes. */
export function requireScope(caller: Caller, scope: RequiredScope): void {
  if (caller.type === 'platform' && !caller.scopes.has(scope)) {
    throw new Problem('insufficient_scope', { detail: `The key lacks the scope "${scope}".` });
  }
}
