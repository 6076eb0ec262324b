// Turns what a batch did to a tenant's books into messages for its endpoints, and into alerts.
import type { PayoutNews, PurchaseNews, TenantNews, TopUpNews } from '#shared/contracts/events.ts';
import { insertOutcomeCount } from '#shared/db/alerts.ts';
import { toOperationView } from '#shared/db/operation-view.ts';
import { listOperations } from '#shared/db/operations.ts';
import { listPayoutTexts } from '#shared/db/payouts.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { listWalletOwners } from '#shared/db/wallets.ts';
import type { WakeableDelivery } from '#shared/db/webhook-deliveries.ts';
import { listEndpoints } from '#shared/db/webhook-endpoints.ts';
import { type Telling, wakeSoon, writeMessages } from '#shared/outbox/webhook-messages.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { crossingsOf } from '../alerts/crossings.ts';
import { type Alert, alertMails, tellingOf } from '../alerts/tell.ts';
import type { WorkerDeps } from '../context.ts';

export type SpreadDeps = Pick<
  WorkerDeps,
  'db' | 'tenants' | 'outbox' | 'producer' | 'keyring' | 'log' | 'metrics'
>;

type Owners = Map<string, { userId: string; currency: string }>;

/** How long crossings of wallets share one mail. */
const balanceMailMs = 600_000;

/** An event that is seen again writes nothing anew. The sweep wakes what the queue did not take here. */
export async function spreadNews(deps: SpreadDeps, batchId: string, news: TenantNews): Promise<void> {
  const tenant = await deps.tenants.find(news.tenant);
  // Deleted meanwhile: nobody is there to be told.
  if (!tenant) return;
  const deliveries = await withTenant(deps.db.app, tenant.slug, (tx) =>
    write(deps, tx, tenant, batchId, news),
  );
  await wakeSoon(deps, deliveries);
}

async function write(
  deps: SpreadDeps,
  tx: Tx,
  tenant: Tenant,
  batchId: string,
  news: TenantNews,
): Promise<WakeableDelivery[]> {
  const { slug, settings } = tenant;
  const { settled, rejected, postings } = news;
  const { balanceBelow, refusalRate } = settings.alerts;
  if (refusalRate && settled.length > 0) {
    await insertOutcomeCount(tx, { tenant: slug, batchId, settled: settled.length, rejected });
  }
  const endpoints = tenant.listens ? await listEndpoints(tx, slug) : [];
  const listening = endpoints.some(({ status }) => status === 'enabled');
  const crossings = balanceBelow ? crossingsOf(postings, balanceBelow.coins) : [];
  if (!listening && crossings.length === 0) return [];
  const owners = await readOwners(tx, news);
  const alerts = crossings.map(({ walletId, operationId, version, balance, change }): Alert => {
    const { userId = '', currency = '' } = owners.get(walletId) ?? {};
    const about = { walletId, userId, currency, operationId };
    const cause = `balance_below:${walletId}:${version}`;
    const threshold = balanceBelow?.coins ?? null;
    return { rule: 'balance_below', change, cause, at: new Date(), threshold, value: balance, about };
  });
  for (const { rule, change } of alerts) deps.metrics.alerts.labels(rule, change).inc();
  if (balanceBelow?.mail) await mailBalances(deps, tx, tenant, alerts);
  if (!listening) return [];
  const { topUps = [], payouts = [], purchases = [] } = news;
  const told = [
    ...(await tellingsOf(tx, news, owners)),
    ...topUps.map(tellTopUp),
    ...(await tellPurchases(tx, purchases)),
    ...(await tellPayouts(tx, payouts)),
  ];
  return writeMessages(tx, slug, endpoints, [...told, ...alerts.map(tellingOf)]);
}

async function readOwners(tx: Tx, { postings }: TenantNews): Promise<Owners> {
  const ids = [...new Set(postings.map(({ walletId }) => walletId))];
  if (ids.length === 0) return new Map();
  return new Map((await listWalletOwners(tx, ids)).map(({ id, ...owner }) => [id, owner]));
}

/** The operations as they stand now, each followed by its postings. */
async function tellingsOf(tx: Tx, { settled, postings }: TenantNews, owners: Owners): Promise<Telling[]> {
  const byOperation = Map.groupBy(postings, ({ operationId }) => operationId);
  const rows = new Map((await listOperations(tx, settled)).map((row) => [row.id, row]));
  return settled.flatMap((id): Telling[] => {
    const row = rows.get(id);
    if (!row) return [];
    const view = toOperationView(row);
    const timestamp = view.settledAt ?? new Date().toISOString();
    const type = row.status === 'rejected' ? 'operation.rejected' : 'operation.applied';
    const entries = (byOperation.get(id) ?? []).map((posting): Telling => {
      const data = { ...posting, ...owners.get(posting.walletId) };
      return { cause: `entry:${posting.walletId}:${posting.version}`, type: 'entry.posted', timestamp, data };
    });
    return [{ cause: `operation:${id}`, type, timestamp, data: view }, ...entries];
  });
}

/** The operations as they stand now: one may be paid meanwhile, and `operation.applied` tells that. */
async function tellPurchases(tx: Tx, purchases: PurchaseNews[]): Promise<Telling[]> {
  if (purchases.length === 0) return [];
  const rows = new Map(
    (
      await listOperations(
        tx,
        purchases.map(({ operationId }) => operationId),
      )
    ).map((row) => [row.id, row]),
  );
  return purchases.flatMap(({ operationId, change, at }): Telling[] => {
    const row = rows.get(operationId);
    if (!row) return [];
    const type = `purchase.${change}` as const;
    return [{ cause: `${type}:${operationId}`, type, timestamp: at, data: toOperationView(row) }];
  });
}

function tellTopUp({ change, id, ...data }: TopUpNews): Telling {
  return {
    cause: `top_up_${change}:${id}`,
    type: `top_up.${change}`,
    timestamp: new Date().toISOString(),
    data,
  };
}

/** Texts about a payout are read now: its user may be erased since. */
async function tellPayouts(tx: Tx, payouts: PayoutNews[]): Promise<Telling[]> {
  if (payouts.length === 0) return [];
  const ids = payouts.map(({ id }) => id);
  const texts = await listPayoutTexts(tx, ids);
  const timestamp = new Date().toISOString();
  return payouts.map((payout): Telling => {
    const { id, state } = payout;
    const { reference = null, reason = null } = (state !== 'requested' && texts.get(id)) || {};
    // A payout that was paid may have come back since.
    const data = { ...payout, reference, reason: state === 'paid' ? null : reason };
    return { cause: `payout_${state}:${id}`, type: `payout.${state}`, timestamp, data };
  });
}

/** Many wallets may cross at once: the first of ten minutes is named, the others are in the webhooks. */
async function mailBalances(
  { keyring, outbox }: SpreadDeps,
  tx: Tx,
  tenant: Tenant,
  alerts: Alert[],
): Promise<void> {
  const first = alerts.find(({ change }) => change === 'raised');
  if (!first) return;
  const others = alerts.filter(({ change }) => change === 'raised').length - 1;
  const window = Math.floor(first.at.getTime() / balanceMailMs);
  const about = { ...first.about, others };
  await outbox.emit(tx, alertMails(keyring, tenant, { ...first, about }, `balance_below:${window}`));
}
