// Takes away every night what is long over: personal data that nobody needs is only there to be stolen.
import {
  deleteDeadMailTokens,
  deleteDeadSessions,
  deleteUnprovenFactors,
  deleteUsedTokens,
} from '#shared/db/housekeeping.ts';
import { withTenant } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import type { Alarm } from '#shared/outbox/clock.ts';
import type { WorkerDeps } from './context.ts';

const tenantsPerPage = 500;
/** Sessions stay this long after their end, for whoever has to find out what happened. */
const sessionDays = 90;
const tokenDays = 7;

type KeeperDeps = Pick<WorkerDeps, 'db' | 'log'>;

export function housekeepingAlarm(deps: KeeperDeps): Alarm {
  return {
    name: 'housekeeping',
    cron: '41 3 * * *',
    async handle() {
      const rows = await keepHouse(deps);
      deps.log.info({ rows }, 'what was long over is gone');
    },
  };
}

/** A tenant that fails is left for the next night. @returns the rows taken away */
export async function keepHouse({ db, log }: KeeperDeps): Promise<number> {
  let rows = await deleteUsedTokens(db.app);
  for (let after = ''; ; ) {
    const slugs = await listActiveSlugs(db.app, after, tenantsPerPage);
    for (const slug of slugs) {
      try {
        rows += await withTenant(db.app, slug, async (tx) => {
          const tokens = await deleteDeadMailTokens(tx, tokenDays);
          const factors = await deleteUnprovenFactors(tx, tokenDays);
          return tokens + factors + (await deleteDeadSessions(tx, sessionDays));
        });
      } catch (error) {
        log.warn({ err: error, tenant: slug }, 'a tenant could not be tidied; the next night will');
      }
    }
    after = slugs.at(-1) ?? '';
    if (slugs.length < tenantsPerPage) return rows;
  }
}
