// Takes away every night what is long over: personal data that nobody needs is only there to be stolen.

import { deleteOldAlerts } from '#shared/db/alerts.ts';
import {
  deleteDeadMailTokens,
  deleteDeadSessions,
  deleteUnprovenFactors,
  deleteUsedTokens,
} from '#shared/db/housekeeping.ts';
import { type Queryable, withTenant } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import { deleteOldMessages } from '#shared/db/webhook-deliveries.ts';
import type { Alarm } from '#shared/outbox/clock.ts';
import type { WorkerDeps } from './context.ts';

const tenantsPerPage = 500;
/** Sessions stay this long after their end, for whoever has to find out what happened. */
const sessionDays = 90;
const tokenDays = 7;
/** What was told to tenants' servers, with the log of how, and alerts that are over. */
const webhookDays = 30;
const messagesPerStep = 5000;

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
  let rows = (await deleteUsedTokens(db.app)) + (await deleteOldAlerts(db.app, webhookDays));
  rows += await forgetMessages(db.app);
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

/** In steps, so that no statement holds many rows for long. */
async function forgetMessages(db: Queryable): Promise<number> {
  for (let rows = 0; ; ) {
    const gone = await deleteOldMessages(db, webhookDays, messagesPerStep);
    rows += gone;
    if (gone < messagesPerStep) return rows;
  }
}
