// What outcomes cause: rows about money, mails and money back, all in the ledger's transaction.
import type { OutboxEvent } from '#shared/contracts/events.ts';
import { freezeWallet, liftFreeze } from '#shared/db/freezes.ts';
import type { Tx } from '#shared/db/pool.ts';
import {
  addShortfall,
  grantPurchases,
  insertPurchaseRefunds,
  markUndeliverable,
} from '#shared/db/purchases.ts';
import type { Applied, Decision } from '#shared/ledger/states.ts';
import { announce } from './announce.ts';
import { startPayouts } from './payouts/start.ts';
import type { SettleDeps } from './settle.ts';

export async function followUp(
  deps: SettleDeps,
  tx: Tx,
  tenant: string,
  decisions: Decision[],
): Promise<void> {
  const events: OutboxEvent[] = [];
  const granted: string[] = [];
  const undeliverable: string[] = [];
  const moneyBack: { operationId: string; purchaseId: string; coinsBefore: number; coinsAfter: number }[] =
    [];
  const paidOut: Applied[] = [];
  const writeOffs: { purchaseId: string; coins: number }[] = [];
  /** Wallets whose debt moved; whether the last of their changes leaves them frozen for it. */
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
    if (kind === 'payout') paidOut.push(decision);
    if (decision.writtenOffChange !== 0 && originalId !== null) {
      writeOffs.push({ purchaseId: originalId, coins: decision.writtenOffChange });
    }
    for (const { walletId, change, owed } of decision.debts) {
      // Repaid and owing again within one batch is two steps: the first lifts what the second may not set.
      if (owed === 0) debtors.set(walletId, false);
      else if (decision.operation.shortfall === 'freeze' && change > 0) debtors.set(walletId, true);
    }
  }
  if (granted.length > 0) await grantPurchases(tx, granted);
  if (undeliverable.length > 0) await markUndeliverable(tx, undeliverable, 'refused by the ledger');
  if (moneyBack.length > 0) await insertPurchaseRefunds(tx, moneyBack);
  if (paidOut.length > 0) events.push(...startPayouts(tx, tenant, paidOut, deps.announces));
  if (writeOffs.length > 0) await addShortfall(tx, writeOffs);
  for (const [id, frozen] of debtors) await freezeDebtor(tx, id, frozen);
  if (deps.announces) events.push(...announce(tenant, decisions));
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
async function freezeDebtor(tx: Tx, walletId: string, frozen: boolean): Promise<void> {
  if (frozen) await freezeWallet(tx, { walletId, cause: 'debt', reason: 'debt' });
  else await liftFreeze(tx, walletId, 'debt');
}
