// Settles operations: ONE transaction that locks the wallets, reads what waits, decides, writes and emits.
import assert from 'node:assert/strict';
import type { Services } from '#shared/boot/services.ts';
import type { OutboxEvent } from '#shared/contracts/events.ts';
import { freezeWallet, liftFreeze } from '#shared/db/freezes.ts';
import {
  listDue,
  listOriginals,
  lockWalletsOf,
  sendEntries,
  sendLots,
  sendOutcomes,
  sendRefunded,
  sendWallets,
} from '#shared/db/ledger.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import {
  addShortfall,
  grantPurchases,
  insertPurchaseRefunds,
  markUndeliverable,
} from '#shared/db/purchases.ts';
import { sendHeld } from '#shared/db/velocity.ts';
import {
  type Decision,
  decide,
  type Held,
  type OriginalState,
  type PendingOperation,
  type WalletState,
} from '#shared/ledger/decide.ts';
import { netOf } from '#shared/ledger/lots.ts';
import type { VelocitySettings } from '#shared/ledger/velocity.ts';
import { openGuard, reportHeld, sendCounted } from './velocity-guard.ts';

export interface SettledBatch {
  decisions: Decision[];
  /** There was more waiting than one transaction takes. */
  more: boolean;
}

export interface SettleDeps extends Pick<Services, 'db' | 'outbox' | 'balances' | 'log' | 'metrics'> {
  /** Of this tenant; left out where it has none, and then they cost nothing. */
  rules?: VelocitySettings;
}

/**
 * Settles the given operations and all that waits before them on the same wallets, at most `limit`.
 * An operation that is settled already is left as it is, so running this again is harmless. What a rule of
 * the tenant holds leaves the order, and those behind it go on.
 */
export function settle(
  deps: SettleDeps,
  tenant: string,
  operationIds: string[],
  limit: number,
): Promise<SettledBatch> {
  return withTenant(deps.db.app, tenant, async (tx) => {
    const wallets = await lockWalletsOf(tx, operationIds);
    const due = await listDue(
      tx,
      wallets.map((wallet) => wallet.id),
      limit,
    );
    if (due.length === 0) return { decisions: [], more: false };
    const originals = await loadOriginals(tx, due);
    const untouched = new Map([...originals].map(([id, original]) => [id, original.refunded]));
    const byId = new Map(wallets.map((wallet) => [wallet.id, wallet]));
    const guard = deps.rules && (await openGuard(tx, deps.rules, due));
    const decisions: Decision[] = [];
    const held: Held[] = [];
    for (const operation of due) {
      const wallet = byId.get(operation.walletId);
      assert(wallet, 'only operations of locked wallets are decided');
      const decision = decide(wallet, operation, originals, guard);
      if (decision.status === 'held') {
        held.push(decision);
        continue;
      }
      rememberDecision(originals, decision);
      decisions.push(decision);
    }
    if (guard) sendCounted(tx, guard);
    if (held.length > 0) {
      sendHeld(tx, held);
      tx.afterCommit(() => reportHeld(deps, tenant, held));
    }
    const written = sendDecisions(tx, wallets, decisions);
    const refunded = [...originals.values()].filter(
      (each) => each.refunded !== (untouched.get(each.id) ?? 0),
    );
    if (refunded.length > 0) sendRefunded(tx, refunded);
    // While Postgres writes, the cache learns which versions are on their way; before COMMIT, see there.
    await deps.balances.supersede(tenant, written);
    await followUp(deps, tx, tenant, wallets, decisions);
    return { decisions, more: due.length === limit };
  });
}

/** Sends what the decisions write, without waiting, and returns the wallets that changed. */
function sendDecisions(tx: Tx, wallets: WalletState[], decisions: Decision[]): WalletState[] {
  const applied = decisions.filter((decision) => decision.status === 'applied');
  const changed = new Set(applied.map((decision) => decision.operation.walletId));
  const written = wallets.filter((wallet) => changed.has(wallet.id));
  if (applied.length > 0) {
    sendWallets(tx, written);
    sendEntries(tx, applied);
  }
  if (decisions.length > 0) sendOutcomes(tx, decisions);
  const credits = applied.flatMap(({ operation: { id, kind } }) =>
    kind === 'purchase' || kind === 'grant' ? [id] : [],
  );
  if (credits.length > 0) sendLots(tx, credits);
  return written;
}

async function loadOriginals(tx: Tx, due: PendingOperation[]): Promise<Map<string, OriginalState>> {
  const ids = due.flatMap((operation) => (operation.originalId === null ? [] : [operation.originalId]));
  if (ids.length === 0) return new Map();
  return new Map((await listOriginals(tx, ids)).map((original) => [original.id, original]));
}

/** A later operation of the same batch may undo this one. */
function rememberDecision(originals: Map<string, OriginalState>, decision: Decision): void {
  const original = originals.get(decision.operation.id);
  if (!original) return;
  original.status = decision.status;
  if (decision.status === 'applied') {
    original.amount = decision.amount;
    if (original.kind === 'spend') original.lots = netOf(decision.postings.flatMap((each) => each.lots));
  }
}

/** What the outcomes cause: rows about money, mails and money back, all in the ledger's transaction. */
async function followUp(
  deps: SettleDeps,
  tx: Tx,
  tenant: string,
  wallets: WalletState[],
  decisions: Decision[],
): Promise<void> {
  const events: OutboxEvent[] = [];
  const granted: string[] = [];
  const undeliverable: string[] = [];
  const moneyBack: { operationId: string; purchaseId: string; coinsBefore: number; coinsAfter: number }[] =
    [];
  const writeOffs: { purchaseId: string; coins: number }[] = [];
  /** Wallets that owe more or less now; whether they are to be frozen for it. */
  const debtors = new Map<string, boolean>();
  for (const decision of decisions) {
    const { id, kind, originalId } = decision.operation;
    if (kind === 'purchase' && decision.status === 'applied') {
      granted.push(id);
      events.push(mail(tenant, 'purchase_receipt', decision));
    } else if (kind === 'purchase') {
      undeliverable.push(id);
      events.push({ queue: 'provider', job: { tenant, task: 'refund', operationId: id } });
    } else if (kind === 'refund' && decision.status === 'applied') {
      if (decision.purchaseRefund) {
        moneyBack.push({ operationId: id, ...decision.purchaseRefund });
        events.push({ queue: 'provider', job: { tenant, task: 'refund', operationId: id } });
      } else events.push(mail(tenant, 'refund_receipt', decision));
    }
    if (decision.status === 'rejected') continue;
    if (decision.writtenOffChange !== 0 && originalId !== null) {
      writeOffs.push({ purchaseId: originalId, coins: decision.writtenOffChange });
    }
    if (decision.debtChange !== 0) {
      const { walletId, shortfall } = decision.operation;
      const freezes = shortfall === 'freeze' && decision.debtChange > 0;
      debtors.set(walletId, freezes || (debtors.get(walletId) ?? false));
    }
  }
  if (granted.length > 0) await grantPurchases(tx, granted);
  if (undeliverable.length > 0) await markUndeliverable(tx, undeliverable, 'refused by the ledger');
  if (moneyBack.length > 0) await insertPurchaseRefunds(tx, moneyBack);
  if (writeOffs.length > 0) await addShortfall(tx, writeOffs);
  if (debtors.size > 0) await freezeDebtors(tx, wallets, debtors);
  await deps.outbox.emit(tx, events);
}

function mail(
  tenant: string,
  template: 'purchase_receipt' | 'refund_receipt',
  { operation }: Decision,
): OutboxEvent {
  const cause = `${template === 'purchase_receipt' ? 'purchase' : 'refund'}:${operation.id}`;
  const data = { operationId: operation.id };
  return { queue: 'email', job: { tenant, cause, template, userId: operation.userId, data } };
}

/** The freeze of a wallet that owes, as its tenant wants it: set with the debt, lifted once it is repaid. */
async function freezeDebtors(
  tx: Tx,
  wallets: WalletState[],
  debtors: ReadonlyMap<string, boolean>,
): Promise<void> {
  for (const { id, debt } of wallets) {
    const freezes = debtors.get(id);
    if (freezes === undefined) continue;
    if (debt === 0) await liftFreeze(tx, id, 'debt');
    else if (freezes) await freezeWallet(tx, { walletId: id, cause: 'debt', reason: 'debt' });
  }
}
