// The product as it is: accept, queue, worker, coalescer, settle, in one process on a database of its own.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { type Accept, createAccept } from '#api/accept.ts';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import type { OperationsJob } from '#shared/contracts/jobs.ts';
import { checkIntegrity } from '#shared/db/integrity.ts';
import { newId } from '#shared/runtime/ids.ts';
import { createLog } from '#shared/runtime/log.ts';
import { defaultCoin } from '#shared/tenants/coin-settings.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { provisionTenant } from '#shared/tenants/provision.ts';
import { tenantSettings } from '#shared/tenants/settings.ts';
import { createSettler } from '#workers/coalescer.ts';
import { startWorkers } from '#workers/worker.ts';

const walletCount = 1000;
const inFlight = 1000;
const balance = 1_000_000_000;

export interface RunResult {
  perSecond: number;
  perBatch: number;
  perInsert: number;
}

export interface Contender {
  name: string;
  run(distribution: 'uniform' | 'hot', operations: number): Promise<RunResult>;
  close(): Promise<void>;
}

/** `redisUrls` empty: BullMQ's Postgres backend. */
export async function openContender(
  name: string,
  serverUrl: string,
  redisUrls: string[],
): Promise<Contender> {
  const databaseUrl = await createDatabase(serverUrl, `bench_${name}`);
  const config = { ...loadConfig({ LOG_LEVEL: 'warn' }), redisUrls };
  const services = await openServices({
    config,
    secrets: { operatorToken: randomUUID(), secretKeys: [randomUUID() + randomUUID()] },
    databaseUrl,
    log: createLog('warn', `bench-${name}`),
    workers: true,
  });
  const settler = createSettler(services);
  let settled = 0;
  let wake: () => void = () => undefined;
  const workers = startWorkers<OperationsJob>(services, 'spend', async (job) => {
    await settler.settle(job.tenant, job.operationIds, { notify: job.notify });
    settled += job.operationIds.length;
    wake();
  });
  const accept = createAccept(services);
  let runs = 0;
  return {
    name,
    async run(distribution, operations) {
      runs += 1;
      const { tenant, wallets } = await makeTenant(services, `bench-${name}-${runs}`);
      const pick = picker(distribution);
      settled = 0;
      const before = await batchCounts(services);
      const started = performance.now();
      await submitAll(accept, tenant, wallets, pick, operations);
      await new Promise<void>((resolve) => {
        wake = () => settled >= operations && resolve();
        wake();
      });
      const seconds = (performance.now() - started) / 1000;
      const after = await batchCounts(services);
      await verify(services, tenant, operations);
      return {
        perSecond: operations / seconds,
        perBatch: operations / Math.max(1, after.settles - before.settles),
        perInsert: operations / Math.max(1, after.inserts - before.inserts),
      };
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await accept.close();
      await services.close();
    },
  };
}

async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  await admin.query(`create database ${pg.escapeIdentifier(name)}`);
  await admin.end();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
}

interface BenchWallet {
  id: string;
  userId: string;
}

async function makeTenant(
  services: Services,
  slug: string,
): Promise<{ tenant: Tenant; wallets: BenchWallet[] }> {
  const settings = tenantSettings.parse({});
  await provisionTenant(
    services.db,
    services.keyring,
    { slug, name: slug, coin: defaultCoin, settings, providers: undefined },
    'bench',
  );
  const wallets = Array.from({ length: walletCount }, () => ({ id: newId(), userId: newId() }));
  const owner = services.db.owner;
  const schema = `"tenant_${slug}"`;
  await owner.query(`insert into ${schema}.users (id) select unnest($1::uuid[])`, [
    wallets.map((w) => w.userId),
  ]);
  await owner.query(
    `insert into ${schema}.wallets (id, user_id, currency, balance, version, lots)
     select w, u, 'COIN', ${balance}, 1, jsonb_build_array(jsonb_build_array(gen_random_uuid(), ${balance}))
     from unnest($1::uuid[], $2::uuid[]) as x (w, u)`,
    [wallets.map((w) => w.id), wallets.map((w) => w.userId)],
  );
  // The opening balances are grants like all others, so that the integrity check holds afterwards.
  await owner.query(
    `with o as (insert into ${schema}.operations (id, kind, status, due, wallet_id, user_id, amount, bucket,
         idempotency_key, body_hash, balance_after, wallet_version, settled_at)
       select (lots->0->>0)::uuid, 'grant', 'applied', false, id, user_id, balance, 'paid', 'opening-' || id, '',
         balance, 1, now() from ${schema}.wallets returning id, wallet_id, amount, bucket),
     l as (insert into ${schema}.lots (id, wallet_id, bucket, coins) select id, wallet_id, bucket, amount from o)
     insert into ${schema}.entries (operation_id, wallet_id, account, counter, amount, balance_after, version, lots)
     select o.id, o.wallet_id, s.account, s.counter, s.sign * o.amount, s.after * o.amount, s.after,
       case when s.sign = 1 then jsonb_build_array(jsonb_build_array(o.id, o.amount)) end
     from o, (values ('wallet', 'grants', 1, 1), ('grants', null, -1, null::int)) as s (account, counter, sign, after)`,
  );
  await owner.query(`analyze ${schema}.wallets`);
  const tenant = await services.tenants.find(slug);
  if (!tenant) throw new Error(`tenant ${slug} was not made`);
  return { tenant, wallets };
}

/** The same sequence in every run. */
function picker(distribution: 'uniform' | 'hot'): () => number {
  if (distribution === 'hot') return () => 0;
  let state = 42;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * walletCount);
  };
}

async function submitAll(
  accept: Accept,
  tenant: Tenant,
  wallets: BenchWallet[],
  pick: () => number,
  operations: number,
): Promise<void> {
  let sent = 0;
  const sender = async () => {
    while (sent < operations) {
      sent += 1;
      const wallet = wallets[pick()];
      if (!wallet) throw new Error('no such wallet');
      const body = { amount: 1 };
      await accept.submit(
        tenant,
        newId(),
        {
          kind: 'spend',
          walletId: wallet.id,
          userId: wallet.userId,
          ...body,
          idempotencyKey: randomUUID(),
          body,
        },
        { wait: false },
      );
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
}

async function batchCounts({ metrics }: Services): Promise<{ settles: number; inserts: number }> {
  const count = async (metric: typeof metrics.settleBatch) =>
    (await metric.get()).values.find((value) => value.metricName?.endsWith('_count'))?.value ?? 0;
  return { settles: await count(metrics.settleBatch), inserts: await count(metrics.journalBatch) };
}

/** Every operation settled once, in order of sequence per wallet, and balances equal to the entries. */
async function verify(services: Services, tenant: Tenant, operations: number): Promise<void> {
  const report = await checkIntegrity(services.db, tenant.slug);
  if (!report.ok) throw new Error(`the ledger differs: ${JSON.stringify(report.differences.slice(0, 3))}`);
  const schema = `"tenant_${tenant.slug}"`;
  const result = await services.db.owner.query<{ applied: string; disorder: string }>(
    `select (select count(*) from ${schema}.operations where kind = 'spend' and status = 'applied') as applied,
       (select count(*) from (select seq, lag(seq) over (partition by wallet_id order by wallet_version) as before
         from ${schema}.operations where kind = 'spend') o where before > seq) as disorder`,
  );
  const row = result.rows[0];
  if (Number(row?.applied) !== operations) throw new Error(`${row?.applied} of ${operations} were applied`);
  if (Number(row?.disorder) !== 0)
    throw new Error(`${row?.disorder} operations were settled out of sequence`);
}
