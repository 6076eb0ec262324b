// Which addresses a tenant serves: asked wherever a request has come to belong to a tenant.
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiEnv } from '../context.ts';
import { type AddressList, createAddressList } from './address.ts';

interface CompiledRules {
  /** Undefined: everybody. */
  allow: AddressList | undefined;
  deny: AddressList;
  platform: AddressList | undefined;
}

/** The directory makes a new object of a tenant that was changed, so rules are compiled once for each state. */
const compiled = new WeakMap<Tenant, CompiledRules | 'none'>();

function compile({ settings }: Tenant): CompiledRules | 'none' {
  const { allow, deny, platform } = settings.ipRules;
  if (allow.length + deny.length + platform.length === 0) return 'none';
  const listOf = (cidrs: string[]) => (cidrs.length > 0 ? createAddressList(cidrs) : undefined);
  return { allow: listOf(allow), deny: createAddressList(deny), platform: listOf(platform) };
}

/**
 * `as`: a secret key has a list of its own besides. Providers' webhooks and operators are not asked: they
 * come from where they come from.
 * @throws Problem address_refused
 */
export function requireServedAddress(
  c: Context<ApiEnv>,
  tenant: Tenant,
  as: 'user' | 'platform' = 'user',
): void {
  let rules = compiled.get(tenant);
  if (!rules) {
    rules = compile(tenant);
    compiled.set(tenant, rules);
  }
  if (rules === 'none') return;
  const address = c.get('address');
  const refused =
    rules.deny.has(address) ||
    rules.allow?.has(address) === false ||
    (as === 'platform' && rules.platform?.has(address) === false);
  if (refused) throw new Problem('address_refused', { internal: `from ${address}` });
}
