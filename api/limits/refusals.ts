// How callers hear of a rate: RateLimit headers, which are a draft still and therefore made in this file only.
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { Metrics } from '#shared/runtime/metrics.ts';
import type { Rate } from '#shared/tenants/protection-settings.ts';
import type { ApiEnv } from '../context.ts';

/** Where a caller stands within a rate. */
export interface RateStanding {
  policy: string;
  rate: Rate;
  remaining: number;
  endsAtMs: number;
}

const secondsLeft = ({ endsAtMs }: RateStanding) => Math.max(1, Math.ceil((endsAtMs - Date.now()) / 1000));

/** draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4: quota and window, remaining and seconds left. */
function rateHeaders(standing: RateStanding): Record<string, string> {
  const { policy, rate, remaining } = standing;
  return {
    'ratelimit-policy': `"${policy}";q=${rate.count};w=${rate.seconds}`,
    ratelimit: `"${policy}";r=${remaining};t=${secondsLeft(standing)}`,
  };
}

export type RefusalOf = (standing: RateStanding) => Problem;

export function createRefusals({ metrics }: { metrics: Metrics }): { refusalOf: RefusalOf } {
  return {
    /** The same whoever is meant and whether they exist. */
    refusalOf(standing) {
      metrics.rateLimited.labels(standing.policy).inc();
      const retryAfterSeconds = secondsLeft(standing);
      return new Problem('rate_limited', {
        detail: `That was tried too often. Try again in ${retryAfterSeconds} seconds.`,
        internal: `rate ${standing.policy}`,
        retryAfterSeconds,
        headers: rateHeaders({ ...standing, remaining: 0 }),
      });
    },
  };
}

/** Remembers the standing for the answer, should it be a good one. */
export function noteRate(c: Context<ApiEnv>, standing: RateStanding): void {
  c.set('rate', standing);
}

/**
 * Adds what was noted, once the answer is there. Refusals of other kinds go without: a wrong password and an
 * unknown address must be answered alike, and so must every bad token.
 */
export function showRate(c: Context<ApiEnv>, headers: Headers): void {
  const standing = c.get('rate');
  if (!standing || c.res.status >= 400) return;
  for (const [name, value] of Object.entries(rateHeaders(standing))) headers.set(name, value);
}
