// The clock of a sandbox tenant: moved forward to see coins run out, holds let go and schedules come round.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findTenantClock, lockTenantClock, moveTenantClock } from '#shared/db/tenant-clock.ts';
import { insertAudit, type TenantRow } from '#shared/db/tenants.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps } from './context.ts';

/** Ten years, in seconds: how far a clock may be ahead in all. */
const aheadSecondsMax = 3660 * 86_400;

type ClockDeps = Pick<ApiDeps, 'db' | 'producer' | 'log'>;
type ClockTenant = Pick<TenantRow, 'slug' | 'sandbox'>;

export const clockSchema = z
  .object({
    now: z.iso.datetime().openapi({ description: "The tenant's time" }),
    aheadSeconds: z.number().openapi({ description: 'How far it is ahead of the real time' }),
    running: z.boolean().openapi({ description: 'Something is due by it and not done yet: ask again' }),
  })
  .openapi('TestClock');

export const advanceInput = z
  .strictObject({
    seconds: z.int().min(1).max(aheadSecondsMax).optional(),
    to: z.iso
      .datetime({ offset: true })
      .optional()
      .openapi({ description: 'A moment; one that the clock has passed is refused' }),
  })
  .refine(({ seconds, to }) => (seconds === undefined) !== (to === undefined), {
    message: 'give exactly one of seconds and to',
    path: ['seconds'],
  });

/** @throws Problem not_sandbox */
export async function readClock({ db }: Pick<ApiDeps, 'db'>, tenant: ClockTenant) {
  requireSandbox(tenant);
  const { now, offsetMs, running } = await withTenant(db.app, tenant.slug, findTenantClock);
  return { now: now.toISOString(), aheadSeconds: offsetMs / 1000, running };
}

/** Forward only; the move is audited. What is due then is done at once. @throws Problem not_sandbox, invalid_input */
export async function advanceClock(
  deps: ClockDeps,
  tenant: ClockTenant,
  { seconds, to }: z.infer<typeof advanceInput>,
  actor: string,
) {
  requireSandbox(tenant);
  const { slug } = tenant;
  await withTenant(deps.db.app, slug, async (tx) => {
    const { now, offsetMs } = await lockTenantClock(tx);
    const ms = to === undefined ? (seconds ?? 0) * 1000 : Date.parse(to) - now.getTime();
    if (ms < 0) throw refused(to, `the clock only moves forward, and is at ${now.toISOString()}`);
    if (offsetMs + ms > aheadSecondsMax * 1000) throw refused(to, 'the clock goes ten years ahead at most');
    await moveTenantClock(tx, ms);
    const detail = { seconds: ms / 1000, to: new Date(now.getTime() + ms).toISOString() };
    await insertAudit(tx, { tenant: slug, actor, action: 'clock.advance', target: slug, detail });
  });
  await deps.producer.addProvider({ tenant: slug, task: 'due' }, `due-${newId()}`).catch((error: unknown) => {
    deps.log.warn({ err: error, tenant: slug }, 'a moved clock was not announced; the sweep will see it');
  });
  return readClock(deps, tenant);
}

function requireSandbox({ slug, sandbox }: ClockTenant): void {
  if (sandbox) return;
  throw new Problem('not_sandbox', { detail: `Tenant "${slug}" was not created with sandbox: true.` });
}

function refused(to: string | undefined, detail: string): Problem {
  const pointer = to === undefined ? '/seconds' : '/to';
  return new Problem('invalid_input', {
    detail: `${pointer}: ${detail}`,
    faults: [{ pointer, code: 'invalid', detail }],
  });
}
