// A tenant whose time a test moves, as nobody has to wait for coins to run out.
import type { System } from '#tests/support/system.ts';

/** Makes the tenant a sandbox, whose clock then goes `ms` milliseconds ahead of ours. */
export async function moveClock({ services }: System, slug: string, ms: number): Promise<void> {
  await services.db.owner.query(`update coinlane.tenants set sandbox = true where slug = $1`, [slug]);
  await services.db.owner.query(`update "tenant_${slug}".clock set offset_ms = $1`, [ms]);
  services.tenants.forget(slug);
}

export const day = 86_400_000;
