// What a settled batch tells the tenant's own server: one event for all of it, in the ledger's transaction.
import type { NewsPosting, OutboxEvent } from '#shared/contracts/events.ts';
import type { Decision } from '#shared/ledger/states.ts';

/** A batch is cut into events of so many operations, so that none of them is too large for one step of the relay. */
const operationsPerEvent = 500;

export function announce(tenant: string, decisions: Decision[]): OutboxEvent[] {
  const events: OutboxEvent[] = [];
  for (let from = 0; from < decisions.length; from += operationsPerEvent) {
    const part = decisions.slice(from, from + operationsPerEvent);
    const news = {
      tenant,
      settled: part.map(({ operation }) => operation.id),
      rejected: part.filter(({ status }) => status === 'rejected').length,
      postings: part.flatMap(postingsOf),
    };
    events.push({ queue: 'webhook', news });
  }
  return events;
}

function postingsOf(decision: Decision): NewsPosting[] {
  if (decision.status === 'rejected') return [];
  const { id: operationId, kind } = decision.operation;
  return decision.postings.map((posting) => ({
    operationId,
    kind,
    walletId: posting.walletId,
    counter: posting.counter,
    amount: posting.change,
    bonus: posting.bonusChange,
    balanceAfter: posting.balanceAfter,
    version: posting.version,
  }));
}
