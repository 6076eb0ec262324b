// What follows a payout that took its coins, in the ledger's own transaction: its row, and the job that sends its money.
import type { OutboxEvent, PayoutNews } from '#shared/contracts/events.ts';
import { sendPayouts } from '#shared/db/payouts.ts';
import type { Tx } from '#shared/db/pool.ts';
import type { Applied } from '#shared/ledger/states.ts';
import { newsOfPayouts } from '#shared/outbox/news.ts';

export function startPayouts(
  tx: Tx,
  tenant: string,
  applied: Applied[],
  announces: boolean | undefined,
): OutboxEvent[] {
  sendPayouts(tx, applied);
  const begun = applied.flatMap(({ operation, amount: coins }): PayoutNews[] => {
    const { id, walletId, userId, terms } = operation;
    if (!terms?.payout) return [];
    const { provider, amount, currency } = terms.payout;
    return [{ state: 'requested', id, walletId, userId, coins, amount, currency, provider }];
  });
  const jobs = begun
    // By hand: the platform looks by itself what is to be paid.
    .filter(({ provider }) => provider !== 'manual')
    .map(({ id: operationId }): OutboxEvent => {
      return { queue: 'provider', job: { tenant, task: 'payout', operationId } };
    });
  return announces ? [...jobs, newsOfPayouts(tenant, begun)] : jobs;
}
