// Asks the tenant's rules about a purchase once, before its provider hears of it and its payer can pay.

import type { Tx } from '#shared/db/pool.ts';
import { withTenant } from '#shared/db/pool.ts';
import { holdPurchase, notePurchase, type PurchaseRow, setPurchase } from '#shared/db/purchases.ts';
import { holdBuy, markBegun, readBuyFacts, refuseBuy, sumBegun } from '#shared/db/velocity.ts';
import { nextPurchaseStatus } from '#shared/ledger/purchase-states.ts';
import {
  isOverCap,
  isWatched,
  judgeMove,
  type VelocitySettings,
  type Verdict,
} from '#shared/ledger/velocity.ts';
import { newsOfRefusal, wantsNews } from '#shared/outbox/news.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import { reportHeld } from './velocity-guard.ts';

type BeginDeps = Pick<WorkerDeps, 'db' | 'outbox' | 'outcomes' | 'log' | 'metrics'>;

/**
 * Whether a purchase that is not open yet may go to its provider. One that was let pass is not asked about
 * again: its provider may know of it. A refusal is its outcome; one that is held waits for an operator. All
 * under the wallet's lock, so that of several at once each is judged with those before it.
 */
export async function mayBegin(deps: BeginDeps, tenant: Tenant, purchase: PurchaseRow): Promise<boolean> {
  const { slug, settings } = tenant;
  const { velocity } = settings;
  if (!isWatched(velocity, 'purchase') && velocity.balanceMax === null) return !purchase.held;
  const { operationId, walletId } = purchase;
  const announces = wantsNews(tenant);
  const step = await withTenant(deps.db.app, slug, async (tx) => {
    const next = await begin(tx, velocity, operationId);
    const refused = typeof next === 'object' && next.action === 'refuse';
    if (refused && announces) await deps.outbox.emit(tx, [newsOfRefusal(slug, operationId)]);
    return next;
  });
  if (step === 'begun') return true;
  if (step === 'over') return false;
  if (step.action === 'refuse') deps.metrics.settled.labels('purchase', 'rejected', step.reason).inc();
  else reportHeld(deps, slug, [{ ...step, operation: { id: operationId, kind: 'purchase', walletId } }]);
  await deps.outcomes.publish([operationId]);
  return false;
}

/** `over`: it is decided already, or waits for an operator. */
async function begin(
  tx: Tx,
  rules: VelocitySettings,
  operationId: string,
): Promise<Verdict | 'begun' | 'over'> {
  const purchase = await holdPurchase(tx, operationId);
  if (purchase?.status !== 'created' || purchase.held) return 'over';
  if (purchase.begun) return 'begun';
  const verdict = await judgeBuy(tx, rules, purchase);
  if (verdict === undefined) await markBegun(tx, operationId);
  else if (verdict.action === 'refuse') {
    const status = nextPurchaseStatus(purchase.status, 'checkout_refused') ?? purchase.status;
    await refuseBuy(tx, operationId, verdict.reason);
    await setPurchase(tx, operationId, { status, detail: verdict.reason });
  } else {
    await holdBuy(tx, operationId, verdict.heldFor);
    await notePurchase(tx, operationId, `held for review: ${verdict.heldFor}`);
  }
  return verdict ?? 'begun';
}

/** The cap also counts coins that others of the wallet's checkouts may still bring: all of them may be paid. */
async function judgeBuy(
  tx: Tx,
  rules: VelocitySettings,
  { operationId, coins }: PurchaseRow,
): Promise<Verdict | undefined> {
  const facts = await readBuyFacts(tx, operationId);
  if (!facts) return undefined;
  const { debt, balance, coinsComing, askedAt, openedAt } = facts;
  if (isOverCap(rules, { balance, debt }, coinsComing + coins)) {
    return { action: 'refuse', reason: 'balance_limit' };
  }
  if (facts.released) return undefined;
  const lengths = rules.rules.filter((rule) => rule.kind === 'buy').map((rule) => rule.seconds);
  const begun = await sumBegun(tx, operationId, [...new Set(lengths)]);
  return judgeMove(rules, 'purchase', {
    coins,
    ageMs: askedAt - openedAt,
    usedOf: (rule) => begun.get(rule.seconds) ?? { coins: 0, count: 0 },
  });
}
