// Turns a stored operation into what the contract shows of it.
import type { OperationStatus, OperationView } from '#shared/contracts/operation.ts';
import type { OperationRow } from '#shared/db/operations.ts';

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
