// What the tests of limits share: a request from an address, and how a limit answered it.
import { Context } from 'hono';
import type { ApiEnv } from '#api/context.ts';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { System } from '#tests/support/system.ts';

/** What a route would hand to the limits for a request from there. */
export function from(address: string): Context<ApiEnv> {
  const c = new Context<ApiEnv>(new Request('http://coinlane.test/'));
  c.set('address', address);
  return c;
}

/** The n-th address of many. */
export const address = (n: number) => `198.51.${n >> 8}.${n & 255}`;

/** `passed`, or the policy that refused. @throws what is no refusal of a rate */
export async function outcomeOf(limited: Promise<unknown> | undefined): Promise<string> {
  try {
    await limited;
    return 'passed';
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'rate_limited') throw error;
    return /^"([\w-]+)"/.exec(error.headers.ratelimit ?? '')?.[1] ?? 'unnamed';
  }
}

const parallel = 40;

/** How often each outcome came, of `count` tries, many of them at the same moment. */
export async function tally(
  count: number,
  limited: (i: number) => Promise<unknown>,
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const outcome = await outcomeOf(limited(next++));
      found[outcome] = (found[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(times(parallel, lane));
  return found;
}

export const times = <T>(count: number, work: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => work(i));

export async function tenantOf(system: System, slug: string): Promise<Tenant> {
  system.services.tenants.forget(slug);
  const tenant = await system.services.tenants.find(slug);
  if (!tenant) throw new Error(`no tenant ${slug}`);
  return tenant;
}
