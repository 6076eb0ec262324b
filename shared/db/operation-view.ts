// Turns a stored operation into what the contract shows of it.
import type { OperationStatus, OperationView } from '../contracts/operation.ts';
import type { Terms } from '../ledger/terms.ts';
import type { OperationRow } from './operations.ts';

export function toOperationView(row: OperationRow): OperationView {
  const view: OperationView = {
    id: row.id,
    kind: row.kind,
    status: row.status as OperationStatus,
    amount: row.amount,
    userId: row.userId,
    walletId: row.walletId,
    reference: row.reference,
    metadata: row.metadata,
    reason: row.reason,
    createdAt: row.createdAt.toISOString(),
    settledAt: row.settledAt?.toISOString() ?? null,
    balanceAfter: row.balanceAfter,
    walletVersion: row.walletVersion,
  };
  if (row.originalId !== null) view.originalOperationId = row.originalId;
  if (row.bucket !== null) view.bucket = row.bucket;
  if (row.groupId !== null) view.batchId = row.groupId;
  if (row.terms) showTerms(view, row.terms);
  if (row.provider !== null) {
    view.checkoutUrl = row.checkoutUrl;
    view.payment = {
      provider: row.provider,
      price: row.price ?? 0,
      currency: row.priceCurrency ?? '',
      status: row.purchaseStatus ?? 'created',
      refunded: row.moneyRefunded ?? 0,
    };
  }
  return view;
}

function showTerms(view: OperationView, { expiresAt, item, legs, exchange, units, payout }: Terms): void {
  if (expiresAt !== undefined) view.expiresAt = new Date(expiresAt).toISOString();
  if (item) view.item = { id: item.id, quantity: item.quantity, price: item.price };
  if (legs) {
    view.legs = legs.map(({ userId, coins }) => ({ userId, amount: coins }));
    view.fee = legs.reduce((rest, leg) => rest - leg.coins, view.amount ?? 0);
  }
  if (exchange) view.exchange = { walletId: exchange.walletId, give: exchange.give, get: exchange.get };
  if (units !== undefined) view.units = units;
  if (payout) {
    view.payout = { amount: payout.amount, currency: payout.currency, provider: payout.provider };
  }
}
