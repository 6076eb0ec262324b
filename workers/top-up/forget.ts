// Lets a provider forget a method that its user removed here, or that went with its user.
import type { ProviderJob } from '#shared/contracts/jobs.ts';
import type { PurchaseDeps } from '../purchase.ts';
import { knownTenant } from '../purchase.ts';

/** @throws ProviderUnavailable when no definite answer came. */
export async function forgetMethod(
  deps: PurchaseDeps,
  job: Extract<ProviderJob, { task: 'detach' }>,
): Promise<void> {
  const tenant = await knownTenant(deps.tenants, job.tenant);
  const provider = deps.providers.of(job.provider);
  // An account that the tenant has taken away is beyond us.
  if (!provider?.isConfigured(tenant)) return;
  await provider.detachMethod?.(tenant, job.methodRef);
}
