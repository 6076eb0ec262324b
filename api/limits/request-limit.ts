// How many requests one caller and one tenant may send to this process, where an operator set it.
import type { Context } from 'hono';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Rate } from '#shared/tenants/protection-settings.ts';
import type { ApiEnv, Caller } from '../context.ts';
import type { Limits } from './limits.ts';
import { noteRate, type RateStanding, type RefusalOf } from './refusals.ts';

/**
 * Counted in memory: every request passes here, and what is bounded is the load of this process. The keys
 * are callers that proved who they are, so strangers cannot make them many.
 */
export function createRequestLimit(refusalOf: RefusalOf): Limits['request'] {
  const memory = new RateLimiterMemory({ points: 1, duration: 1, keyPrefix: '' });
  const take = async (policy: string, rate: Rate, key: string) => {
    const { consumedPoints, msBeforeNext } = await memory.penalty(key, 1, { customDuration: rate.seconds });
    const remaining = Math.max(0, rate.count - consumedPoints);
    const standing: RateStanding = { policy, rate, remaining, endsAtMs: Date.now() + msBeforeNext };
    if (consumedPoints > rate.count) throw refusalOf(standing);
    return standing;
  };
  return (c, caller) => {
    const { requestsPerCaller, requestsPerTenant } = caller.tenant.settings.limits;
    if (requestsPerCaller === null && requestsPerTenant === null) return undefined;
    return takeBoth(c, caller);
  };

  /** The caller first: who sends too much must not use up what is for all. */
  async function takeBoth(c: Context<ApiEnv>, caller: Caller): Promise<void> {
    const { slug, settings } = caller.tenant;
    const { requestsPerCaller, requestsPerTenant } = settings.limits;
    const id = caller.type === 'user' ? caller.userId : caller.keyId;
    const own = requestsPerCaller && (await take('requests', requestsPerCaller, `${slug} ${id}`));
    const shared = requestsPerTenant && (await take('requests-tenant', requestsPerTenant, slug));
    const standing = own ?? shared;
    if (standing) noteRate(c, standing);
  }
}
