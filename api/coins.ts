// Which coin a request is about: the tenant's first one unless it names another.
import { z } from '@hono/zod-openapi';
import { problemAt } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';

export const coinField = z.string().min(1).max(10).optional().openapi({
  description: "Code of one of the tenant's coins; left out: its first one",
  example: 'GEM',
});

/** `pointer`: where the request names it. @throws Problem unknown_coin */
export function coinOf({ coin, settings }: Tenant, code: string | undefined, pointer = '/coin'): string {
  if (code === undefined || code === coin.code) return coin.code;
  if (settings.coins.some((each) => each.code === code)) return code;
  throw problemAt('unknown_coin', pointer, `There is no coin "${code}".`);
}
