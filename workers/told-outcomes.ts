// What is told of a batch to those who wait for its operations, so that nobody has to read it.
import type { Outcome } from '#shared/contracts/operation.ts';
import { settledAmount } from '#shared/db/ledger-writes.ts';
import type { Decision } from '#shared/ledger/states.ts';

/** Whether somebody waits for one of these. */
export const isAwaited = (decisions: Decision[], awaited: ReadonlySet<string> | undefined): boolean =>
  awaited !== undefined && decisions.some(({ operation }) => awaited.has(operation.id));

/** Outcomes of those that are awaited. A purchase has more than an outcome to show: it is for the waiter to read. */
export function outcomesOf(
  decisions: Decision[],
  awaited: ReadonlySet<string> | undefined,
  settledAt: Date,
): Outcome[] {
  return decisions.flatMap((decision) => {
    const { id, kind } = decision.operation;
    if (!awaited?.has(id) || kind === 'purchase') return [];
    return {
      id,
      status: decision.status,
      amount: settledAmount(decision),
      reason: decision.status === 'rejected' ? decision.reason : null,
      balanceAfter: decision.balanceAfter,
      walletVersion: decision.version,
      settledAt: settledAt.toISOString(),
    };
  });
}
