// Looks every minute at what no single operation decides: coins outstanding, and the share of refusals.
import {
  clearAlert,
  deleteOutcomeCounts,
  insertAlert,
  listOpenAlerts,
  listWatchedTenants,
  type OpenAlert,
  sumOutcomes,
  sumOutstanding,
} from '#shared/db/alerts.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { listEndpoints } from '#shared/db/webhook-endpoints.ts';
import type { Alarm } from '#shared/outbox/clock.ts';
import { wakeSoon, writeMessages } from '#shared/outbox/webhook-messages.ts';
import { newId } from '#shared/runtime/ids.ts';
import { refusalWindowMax } from '#shared/tenants/alert-settings.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { SpreadDeps } from '../webhooks/spread.ts';
import { type Alert, type AlertRule, alertMails, tellingOf } from './tell.ts';

interface Reading {
  rule: AlertRule;
  subject: string;
  threshold: number;
  value: number;
  /** Whether the value is far enough to raise an alert. */
  reached: boolean;
  about: Alert['about'];
}

/** What was raised is cleared only well below, so that a value that swings around its threshold is one alert. */
const clearsBelow = 0.9;

export function alertAlarm(deps: SpreadDeps): Alarm {
  return { name: 'alerts', cron: '* * * * *', handle: () => watchAlerts(deps) };
}

/** One tenant's trouble must not keep the others unwatched. */
export async function watchAlerts(deps: SpreadDeps): Promise<void> {
  for (const slug of await listWatchedTenants(deps.db.app)) {
    try {
      const tenant = await deps.tenants.find(slug);
      if (tenant) await watchTenant(deps, tenant);
    } catch (error) {
      deps.log.warn({ err: error, tenant: slug }, 'alerts could not be looked after; trying again');
    }
  }
  await deleteOutcomeCounts(deps.db.app, refusalWindowMax);
}

async function watchTenant(deps: SpreadDeps, tenant: Tenant): Promise<void> {
  const { slug } = tenant;
  const deliveries = await withTenant(deps.db.app, slug, async (tx) => {
    const readings = await read(tx, tenant);
    const open = await listOpenAlerts(tx, slug);
    const alerts: Alert[] = [];
    for (const reading of readings) {
      const before = open.find((each) => each.rule === reading.rule && each.subject === reading.subject);
      const alert = await judge(tx, slug, reading, before);
      if (alert) alerts.push(alert);
    }
    for (const each of open) {
      if (readings.some(({ rule, subject }) => rule === each.rule && subject === each.subject)) continue;
      // Its rule is gone, or nothing is left to measure.
      if (await clearAlert(tx, each.id))
        alerts.push(cleared(each, { threshold: null, value: null, about: {} }));
    }
    if (alerts.length === 0) return [];
    await deps.outbox.emit(
      tx,
      alerts.flatMap((alert) => alertMails(deps.keyring, tenant, alert)),
    );
    for (const { rule, change } of alerts) deps.metrics.alerts.labels(rule, change).inc();
    return writeMessages(tx, slug, await listEndpoints(tx, slug), alerts.map(tellingOf));
  });
  await wakeSoon(deps, deliveries);
}

async function judge(
  tx: Tx,
  tenant: string,
  { rule, subject, threshold, value, reached, about }: Reading,
  open: OpenAlert | undefined,
): Promise<Alert | undefined> {
  const facts = { threshold, value, about };
  if (open) {
    if (value >= threshold * clearsBelow) return undefined;
    return (await clearAlert(tx, open.id)) ? cleared(open, facts) : undefined;
  }
  if (!reached) return undefined;
  const id = newId();
  if (!(await insertAlert(tx, { id, tenant, rule, subject, detail: facts }))) return undefined;
  return { rule, change: 'raised', cause: `${rule}:${id}`, at: new Date(), ...facts };
}

function cleared({ id, rule }: OpenAlert, facts: Pick<Alert, 'threshold' | 'value' | 'about'>): Alert {
  return { rule: rule as AlertRule, change: 'cleared', cause: `${rule}:${id}`, at: new Date(), ...facts };
}

/** A window with too few operations counts as one without refusals. */
async function read(tx: Tx, { slug, settings }: Tenant): Promise<Reading[]> {
  const { liabilityAbove, refusalRate } = settings.alerts;
  const readings: Reading[] = [];
  if (liabilityAbove) {
    const threshold = liabilityAbove.coins;
    for (const { currency, coins: value } of await sumOutstanding(tx)) {
      const reached = value > threshold;
      const about = { currency };
      readings.push({ rule: 'liability_above', subject: currency, threshold, value, reached, about });
    }
  }
  if (refusalRate) {
    const { percent, seconds, operationsMin } = refusalRate;
    const { settled, rejected } = await sumOutcomes(tx, slug, seconds);
    const share = settled < operationsMin ? 0 : (rejected / settled) * 100;
    const about = { settled, rejected, seconds };
    const value = Math.round(share * 10) / 10;
    const reached = share >= percent;
    readings.push({ rule: 'refusal_rate', subject: '', threshold: percent, value, reached, about });
  }
  return readings;
}
