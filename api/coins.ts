// Which coin a request is about: the tenant's first one unless it names another.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';

export const coinField = z.string().min(1).max(10).optional().openapi({
  description: "Code of one of the tenant's coins; left out: its first one",
  example: 'GEM',
});

/** @throws Problem unknown_coin */
export function coinOf({ coin, settings }: Tenant, code: string | undefined): string {
  if (code === undefined || code === coin.code) return coin.code;
  if (settings.coins.some((each) => each.code === code)) return code;
  throw new Problem('unknown_coin', { detail: `There is no coin "${code}".` });
}
