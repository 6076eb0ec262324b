// Carries out what an operation was planned to do, on the wallets that it moves. Pure; nothing is refused here any more.
import assert from 'node:assert/strict';
import type { Lot } from './lots.ts';
import { type Posting, post } from './post.ts';
import type { Applied, PendingOperation, Plan, PlannedMove, WalletState } from './states.ts';

/** The amount of a kind that has one. */
export function amountOf(operation: PendingOperation): number {
  assert(operation.amount !== null, 'only what undoes or ends something may leave its amount open');
  return operation.amount;
}

export function apply(
  wallet: WalletState,
  operation: PendingOperation,
  plan: Plan,
  moves: PlannedMove[],
): Applied {
  const { direction, writtenOff } = plan;
  plan.prepare?.();
  const postings: Posting[] = [];
  const debts: Applied['debts'] = [];
  let bonus = 0;
  for (const move of moves) {
    const owedBefore = move.wallet.debt;
    const posted = post(move.wallet, operation, move);
    postings.push(...posted.postings);
    if (move.wallet === wallet) bonus += posted.bonus;
    const change = move.wallet.debt - owedBefore;
    if (change !== 0) debts.push({ walletId: move.wallet.id, change, owed: move.wallet.debt });
    if (move.wallet.debt === 0 && move.wallet.frozenReason === 'debt') move.wallet.frozenReason = null;
    if (move.wallet !== wallet) touch(move.wallet, move.lots);
  }
  plan.undo?.();
  touch(wallet, direction === 1 ? plan.lots : []);
  const debtChange = debts.reduce((sum, each) => sum + (each.walletId === wallet.id ? each.change : 0), 0);
  if (operation.shortfall === 'freeze' && debtChange > 0) wallet.frozenReason ??= 'debt';
  return {
    operation,
    status: 'applied',
    amount: plan.amount,
    postings,
    bonus,
    balanceAfter: wallet.balance,
    version: wallet.version,
    debtChange,
    debts,
    writtenOffChange: direction === -1 ? writtenOff : -writtenOff,
    newLots: plan.newLots ?? [],
    ...(plan.purchaseRefund ? { purchaseRefund: plan.purchaseRefund } : {}),
    ...(plan.hold ? { hold: plan.hold } : {}),
    ...(plan.entitlement ? { entitlement: plan.entitlement } : {}),
  };
}

/** It was written to, and may run out sooner than before. */
function touch(wallet: WalletState, lots: readonly Lot[]): void {
  wallet.revision += 1;
  for (const { expiresAt } of lots) {
    if (expiresAt !== undefined && (wallet.nextExpiry === null || expiresAt < wallet.nextExpiry)) {
      wallet.nextExpiry = expiresAt;
    }
  }
}
