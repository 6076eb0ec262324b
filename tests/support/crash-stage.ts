// A mall whose worker is a process of its own, to be killed between a provider's deed and our commit of it.
import pg from 'pg';
import { expect } from 'vitest';
import type { ProviderJob } from '#shared/contracts/jobs.ts';
import type { Fault, FaultKind } from '#tests/emulators/kit/faults.ts';
import type { TestBackend } from './backends.ts';
import { eventually } from './client.ts';
import { type Mall, openMall } from './mall.ts';
import { type ProviderName, providerNames } from './mall-bank.ts';
import { type RunningProcess, startWorker } from './processes.ts';
import { testSettings } from './system.ts';

export interface CrashStage {
  mall: Mall;
  /** SIGKILL, as a power cut would. */
  killWorker(): Promise<void>;
  /**
   * Another worker, which finds all that waits in this tenant old enough to be looked after: time goes by
   * in the rows. `aheadMs`: and its clock is ahead.
   */
  startWorker(slug: string, options?: { aheadMs?: number }): Promise<void>;
  /** Runs a job once more, as the queue does with those that a killed worker held. */
  again(job: ProviderJob): Promise<void>;
  /** Nobody has webhooks to act on, nor money to return. */
  quiet(slug: string): Promise<void>;
  close(): Promise<void>;
}

/** Which call of a provider it is that we crash after. */
export type Spots = Record<ProviderName, Pick<Fault, 'method' | 'path' | 'times'>>;

/** Loaded before a process of ours, whose clock is ahead then, as if it had been started so much later. */
const laterClock = (aheadMs: number) =>
  `--import=data:text/javascript,${encodeURIComponent(`const now=Date.now;Date.now=()=>now()+${aheadMs};`)}`;

export async function openCrashStage(name: string, backend: TestBackend): Promise<CrashStage> {
  const mall = await openMall(name, backend, { workers: false });
  const { system, stripe, paypal } = mall;
  const settings = {
    ...testSettings(system.database.url, 0, backend),
    PUBLIC_URL: system.url,
    STRIPE_API_URL: stripe.url,
    PAYPAL_API_URL: paypal.url,
  };
  let worker: RunningProcess = await startWorker(settings);
  const sql = (text: string, values: unknown[] = []) => system.services.db.owner.query(text, values);
  return {
    mall,
    killWorker: () => worker.kill(),
    async startWorker(slug, { aheadMs } = {}) {
      for (const text of agings(slug)) await sql(text);
      const later = aheadMs !== undefined && { NODE_OPTIONS: laterClock(aheadMs) };
      worker = await startWorker({ ...settings, ...later });
    },
    async again(job) {
      const { producer } = system.services;
      const key = `again-${crypto.randomUUID()}`;
      await producer.addProvider(job, key);
      await eventually(`${job.task} to have run again`, async () => {
        const found = await producer.queue('provider', 0).getJob(`${job.tenant}-${key}`);
        return found?.isCompleted();
      });
    },
    async quiet(slug) {
      const waiting = `select
        (select count(*) from coinlane.provider_events where tenant = $1 and status in ('received', 'parked'))
        + (select count(*) from "tenant_${slug}".purchase_refunds where status not in ('done', 'failed')) as left`;
      await eventually(`nothing of ${slug} to wait`, async () => {
        await Promise.all([stripe.webhooks.settled(), paypal.webhooks.settled()]);
        return Number((await sql(waiting, [slug])).rows[0]?.left) === 0;
      });
    },
    async close() {
      if (worker.child.exitCode === null && worker.child.signalCode === null) await worker.stop();
      await mall.close();
      expect([...stripe.complaints, ...paypal.complaints]).toEqual([]);
    },
  };
}

/** What waits came two minutes earlier. */
function agings(slug: string): string[] {
  const earlier = (column: string) => `${column} = ${column} - interval '2 minutes'`;
  return [
    `update "tenant_${slug}".purchases set ${earlier('updated_at')} where status = 'created' or uneven`,
    `update "tenant_${slug}".purchase_refunds set ${earlier('updated_at')} where status not in ('done', 'failed')`,
    `update coinlane.provider_events set ${earlier('received_at')}
     where tenant = '${slug}' and status in ('received', 'parked')`,
  ];
}

/** A crash that is planned; awaited, it has happened: the worker is dead, for all of these purchases. */
export type Crash = (slug: string, purchaseIds: string[]) => Promise<void>;

export interface Strike {
  /** Plans the crash for the next calls at these spots. */
  plan(stage: CrashStage, spots: Spots): Crash;
  /** The same for purchases that exist already, where news is to be applied. */
  planFor(stage: CrashStage, spots: Spots, slug: string, purchaseIds: string[]): Promise<Crash>;
}

/** The provider acts, and its answer never comes. */
export const answerLost: Strike = {
  plan(stage, spots) {
    addFaults(stage, spots, { kind: 'act_then_hang' });
    return async () => {
      await allMet(stage, 'act_then_hang');
      await stage.killWorker();
      clearFaults(stage);
    };
  },
  planFor: async (stage, spots) => answerLost.plan(stage, spots),
};

/** Both answers came, and both commits wait for a row that we hold until the worker is dead. */
export const commitLost: Strike = {
  plan(stage, spots) {
    // Long enough to take the rows once a call is under way: what precedes the call is committed then.
    addFaults(stage, spots, { kind: 'delay', ms: 1500 });
    const since = new Date();
    return async (slug, purchaseIds) => {
      await allMet(stage, 'delay');
      const release = await holdPurchases(stage, slug, purchaseIds);
      await killWaiting(stage, spots, since);
      await release();
    };
  },
  async planFor(stage, spots, slug, purchaseIds) {
    clearFaults(stage);
    const since = new Date();
    const release = await holdPurchases(stage, slug, purchaseIds);
    return async () => {
      await killWaiting(stage, spots, since);
      await release();
    };
  },
};

function clearFaults({ mall }: CrashStage): void {
  for (const name of providerNames) mall[name].faults.clear();
}

function addFaults(stage: CrashStage, spots: Spots, fault: Pick<Fault, 'kind' | 'ms'>): void {
  clearFaults(stage);
  for (const name of providerNames) stage.mall[name].faults.add({ ...spots[name], ...fault });
}

async function allMet({ mall }: CrashStage, kind: FaultKind): Promise<void> {
  const met = new Set<ProviderName>();
  for (const name of providerNames) void mall[name].faults.met(kind).then(() => met.add(name));
  await eventually('both providers to be called', async () => met.size === providerNames.length);
}

/** Holds them as a transaction of somebody else would; gives what lets them go. */
async function holdPurchases(
  { mall }: CrashStage,
  slug: string,
  ids: string[],
): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: mall.system.database.url });
  await client.connect();
  await client.query('begin');
  const held = await client.query(
    `select 1 from "tenant_${slug}".purchases where operation_id = any($1::uuid[]) for update`,
    [ids],
  );
  expect(held.rowCount).toBe(ids.length);
  return () => client.end();
}

async function killWaiting(stage: CrashStage, spots: Spots, since: Date): Promise<void> {
  const { mall } = stage;
  await eventually('both answers to have come and both commits to wait', async () => {
    const answered = providerNames.every((name) =>
      mall[name].requests.some(
        ({ method, path, at, answered: status }) =>
          status !== null && at >= since && method === spots[name].method && spots[name].path.test(path),
      ),
    );
    const waiting = await mall.system.services.db.owner.query<{ count: string }>(
      `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return answered && Number(waiting.rows[0]?.count) >= providerNames.length;
  });
  await stage.killWorker();
  clearFaults(stage);
}
