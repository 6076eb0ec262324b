// Begins automatic top-ups, in the very transaction that left wallets below their thresholds.
import { hash } from 'node:crypto';
import type { OutboxEvent, TopUpNews } from '#shared/contracts/events.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { insertOperations, type JournalRow } from '#shared/db/journal.ts';
import type { Tx } from '#shared/db/pool.ts';
import { insertPurchases, type NewPurchase } from '#shared/db/purchases.ts';
import { type DueTopUp, lockDueTopUps, setTopUpOperations } from '#shared/db/top-ups.ts';
import type { Decision, WalletState } from '#shared/ledger/states.ts';
import { newsOfTopUps } from '#shared/outbox/news.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type Quoted, quoteOf } from '#shared/tenants/quote.ts';
import type { SettleDeps } from '../settle.ts';
import { endTopUp } from './end.ts';

/**
 * Coins that their user moved. Nobody is charged because money went back, a bank took it, or coins ran out while
 * the user was away.
 */
const uses: ReadonlySet<string> = new Set(['spend', 'transfer', 'hold', 'exchange']);

/**
 * On wallets that are locked, after all of the batch is written. A purchase is journaled here, so that of many
 * spends which cross at once only one begins it; charging is a job's business, after the commit.
 */
export async function startTopUps(
  deps: Pick<SettleDeps, 'outbox' | 'announces'>,
  tx: Tx,
  tenant: Tenant,
  { decisions, wallets }: { decisions: Decision[]; wallets: ReadonlyMap<string, WalletState> },
): Promise<void> {
  const lowered = lowWallets(decisions, wallets);
  if (lowered.length === 0) return;
  const due = await lockDueTopUps(tx, lowered);
  const begun: { rule: DueTopUp; id: string; quoted: Quoted; provider: string }[] = [];
  for (const rule of due) {
    const quoted = quoteNow(tenant, rule);
    const { provider } = rule;
    if (typeof quoted === 'object' && provider !== null) begun.push({ rule, id: newId(), quoted, provider });
    else {
      const reason = typeof quoted === 'object' ? 'method_removed' : quoted;
      await endTopUp(deps, tx, tenant, { ...rule, operationId: null }, reason);
    }
  }
  if (begun.length === 0) return;
  const revisionOf = ({ walletId }: DueTopUp) => wallets.get(walletId)?.revision ?? 0;
  await insertOperations(
    tx,
    begun.map(({ rule, id, quoted }) => rowOf(rule, revisionOf(rule), id, quoted)),
  );
  await insertPurchases(
    tx,
    begun.map(({ rule, id, quoted, provider }): NewPurchase => {
      const { methodId } = rule;
      return { ...quoted.quote, operationId: id, coins: quoted.coins, provider, returnUrl: null, methodId };
    }),
  );
  await setTopUpOperations(
    tx,
    begun.map(({ rule, id }) => ({ walletId: rule.walletId, operationId: id })),
  );
  const charges = begun.map(({ id: operationId }): OutboxEvent => {
    return { queue: 'provider', job: { tenant: tenant.slug, task: 'charge', operationId } };
  });
  const news = begun.map(({ rule: { walletId, userId }, id: operationId }): TopUpNews => {
    return { change: 'started', id: operationId, walletId, userId, operationId, reason: null };
  });
  await deps.outbox.emit(tx, [...charges, ...(deps.announces ? [newsOfTopUps(tenant.slug, news)] : [])]);
}

/** Wallets whose users lowered what is free in them, as they stand after the batch. */
function lowWallets(
  decisions: Decision[],
  wallets: ReadonlyMap<string, WalletState>,
): { id: string; available: number }[] {
  const ids = new Set<string>();
  for (const { status, operation } of decisions) {
    if (status === 'applied' && uses.has(operation.kind)) ids.add(operation.walletId);
  }
  return [...ids].flatMap((id) => {
    const wallet = wallets.get(id);
    return wallet ? [{ id, available: wallet.balance - wallet.held }] : [];
  });
}

/** What the rule buys at this moment, or why it buys it no more. */
function quoteNow(tenant: Tenant, rule: DueTopUp): Quoted | 'pack_gone' | 'price_changed' {
  const { pack, coins, coin } = rule;
  try {
    const quoted = quoteOf(tenant, { coin, ...(pack === null ? { coins } : { pack }) });
    const { price, currency } = quoted.quote;
    const isAgreed = price <= rule.price && currency === rule.currency && quoted.coins >= coins;
    return isAgreed ? quoted : 'price_changed';
  } catch (problem) {
    if (problem instanceof Problem) return 'pack_gone';
    throw problem;
  }
}

function rowOf({ walletId, userId }: DueTopUp, revision: number, id: string, quoted: Quoted): JournalRow {
  // One state of a wallet begins one purchase. Starts with a space: no caller can send such a key.
  const idempotencyKey = ` top-up/${walletId}/${revision}`;
  return {
    ...{ id, kind: 'purchase', due: false, walletId, userId, amount: quoted.coins, bucket: null },
    ...{ originalId: null, shortfall: null, metadata: null, note: null, groupId: null },
    reference: 'top-up',
    terms: quoted.terms ?? null,
    idempotencyKey,
    bodyHash: hash('sha256', idempotencyKey, 'hex'),
  };
}
