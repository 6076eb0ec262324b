// Takes in opening balances from another system: all faults first, then users, grants and what they came to.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { loadConfig } from '#shared/config/env.ts';
import { queueOf } from '#shared/contracts/jobs.ts';
import type { Database } from '#shared/db/pool.ts';
import { findTenant, insertAudit } from '#shared/db/tenants.ts';
import { openQueueBackend } from '#shared/queue/backend.ts';
import { createProducer, type Producer } from '#shared/queue/producer.ts';
import { createLog } from '#shared/runtime/log.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import { readSettings } from '#shared/tenants/settings.ts';
import { Refusal } from '../archive/format.ts';
import { grantAll } from './grant.ts';
import { checkLines } from './lines.ts';
import { keyOf, makePlan, type Plan } from './plan.ts';
import { readRecords } from './records.ts';
import { listFaults, makeReport, type Report, tellReport, untilSettled } from './report.ts';

export interface BalanceOptions {
  tenant: string;
  dryRun?: boolean;
  /** How long to wait while nothing is settled, in milliseconds. */
  patienceMs: number;
}

/** @throws Refusal with every fault of the file, before anything is written */
async function planBalances(db: Database, path: string, slug: string) {
  const row = /^[a-z][a-z0-9-]{1,30}$/.test(slug) ? await findTenant(db.app, slug) : undefined;
  if (!row) throw new Refusal(`There is no tenant "${slug}".`);
  if (row.status !== 'active') throw new Refusal(`The tenant "${slug}" is ${row.status}: open it first.`);
  const tenant: Tenant = { ...row, settings: readSettings(row.settings) };
  const raw = await readRecords(path);
  const { people, faults } = checkLines(tenant, raw.records);
  const plan = await makePlan(db, tenant, people);
  const all = [...raw.faults, ...faults, ...plan.faults];
  if (all.length > 0) throw new Refusal([`${path} has ${all.length} faults:`, ...listFaults(all)].join('\n'));
  if (raw.records.length === 0) throw new Refusal(`${path} has no line.`);
  return { tenant, plan };
}

export async function importBalances(
  db: Database,
  keyring: Keyring,
  path: string,
  { tenant: slug, patienceMs }: BalanceOptions,
  producer: Pick<Producer, 'wakeOperations'>,
): Promise<Report> {
  const { tenant, plan } = await planBalances(db, path, slug);
  const done = await grantAll(db, keyring, tenant, plan, async (ids) => {
    const wakeUps = ids.map((id) => ({ queue: queueOf('grant'), kind: 'grant', id, notify: false }));
    // What no wake-up reaches is the sweep's.
    await producer.wakeOperations(slug, wakeUps).catch(() => undefined);
  });
  if (done.created + done.fresh.length > 0) {
    const sha256 = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    const detail = { sha256, users: done.created, grants: done.fresh.length };
    await insertAudit(db.app, {
      tenant: slug,
      actor: 'operator',
      action: 'balances.import',
      target: slug,
      detail,
    });
  }
  await untilSettled(db, slug, plan.grants.map(keyOf), patienceMs);
  return makeReport(db, slug, plan, done);
}

/** With what wakes the workers. @returns the exit code */
export async function runBalances(
  db: Database,
  keyring: Keyring,
  path: string,
  options: BalanceOptions,
): Promise<number> {
  if (options.dryRun) {
    const { plan } = await planBalances(db, path, options.tenant);
    console.log(describePlan(plan));
    return 0;
  }
  const { redisUrls, QUEUE_SHARDS: shards } = loadConfig();
  const backend = openQueueBackend({
    redisUrls,
    db,
    log: createLog('fatal', 'import'),
    workers: false,
    shards,
  });
  const producer = createProducer(backend, shards);
  try {
    const report = await importBalances(db, keyring, path, options, producer);
    console.log(tellReport(report).join('\n'));
    return report.refused.length === 0 ? 0 : 1;
  } finally {
    await producer.close();
    await backend.close();
  }
}

function describePlan({ users, grants }: Plan): string {
  const fresh = grants.filter(({ isThere }) => !isThere);
  const sums = new Map<string, bigint>();
  for (const { line } of fresh) sums.set(line.coin, (sums.get(line.coin) ?? 0n) + BigInt(line.amount));
  return [
    `The file is sound. ${users.filter(({ isNew }) => isNew).length} users would be created,`,
    `${fresh.length} grants made, and ${grants.length - fresh.length} were made before.`,
    ...[...sums].map(([coin, sum]) => `  ${coin.padEnd(10)} ${sum}`),
    'Nothing was changed: this was a dry run.',
  ].join('\n');
}
