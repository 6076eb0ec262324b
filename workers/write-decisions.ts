// Sends what the decisions of a batch write, so that it goes to Postgres together with COMMIT.
import type { DueOperation } from '#shared/db/ledger.ts';
import {
  sendArrived,
  sendEntries,
  sendLots,
  sendOutcomes,
  sendOutcomesTimed,
  sendOwnOperations,
  sendRefunded,
  sendWallets,
} from '#shared/db/ledger-writes.ts';
import { sendEntitlements, sendHolds, sendSales } from '#shared/db/microtransactions.ts';
import type { Tx } from '#shared/db/pool.ts';
import type { Ground } from '#shared/ledger/groups.ts';
import type { Applied, Decision } from '#shared/ledger/states.ts';
import { partiesOf } from '#shared/ledger/terms.ts';
import { isAwaited } from './told-outcomes.ts';

/** What is written only where it has changed. */
export interface Before {
  revisions: Map<string, number>;
  refunded: Map<string, number>;
  sold: Map<string, number>;
}

export function remember({ wallets, originals, sales }: Ground): Before {
  return {
    revisions: new Map([...wallets].map(([id, { revision }]) => [id, revision])),
    refunded: new Map([...originals].map(([id, { refunded }]) => [id, refunded])),
    sold: new Map(sales),
  };
}

/** Sends what the decisions write, without waiting. @returns when they were settled, if one of them is awaited. */
export function sendDecisions(
  tx: Tx,
  { wallets, originals, sales }: Ground,
  before: Before,
  decisions: Decision[],
  awaited?: ReadonlySet<string>,
): Promise<Date | undefined> | undefined {
  const applied = decisions.filter((decision) => decision.status === 'applied');
  const written = [...wallets.values()].filter(({ id, revision }) => revision !== before.revisions.get(id));
  if (written.length > 0) sendWallets(tx, written);
  const [own, asked] = [applied.filter(isOwn), decisions.filter((each) => !isOwn(each))];
  sendEntries(tx, applied);
  const settledAt = isAwaited(asked, awaited) ? sendOutcomesTimed(tx, asked) : undefined;
  if (asked.length > 0 && !settledAt) sendOutcomes(tx, asked);
  if (own.length > 0) sendOwnOperations(tx, own);
  const lots = applied.flatMap(({ operation, newLots }) =>
    newLots.map((each) => ({ ...each, operationId: operation.id })),
  );
  if (lots.length > 0) sendLots(tx, lots);
  const refunded = [...originals.values()].filter((each) => each.refunded !== before.refunded.get(each.id));
  if (refunded.length > 0) sendRefunded(tx, refunded);
  sendMicrotransactions(tx, applied);
  const sold = [...sales].filter(([item, count]) => count !== before.sold.get(item));
  if (sold.length > 0) sendSales(tx, new Map(sold));
  const shared = decisions.filter(({ operation }) => operation.terms !== null);
  const arrived = shared.flatMap(({ operation }) =>
    partiesOf(operation.terms).map((walletId) => ({ walletId, operation: operation as DueOperation })),
  );
  if (arrived.length > 0) sendArrived(tx, arrived);
  return settledAt;
}

function sendMicrotransactions(tx: Tx, applied: Applied[]): void {
  const holds = new Map(applied.flatMap(({ hold }) => (hold ? [[hold.id, hold] as const] : [])));
  if (holds.size > 0) sendHolds(tx, [...holds.values()]);
  const entitlements = applied.flatMap(({ entitlement }) => (entitlement ? [entitlement] : []));
  if (entitlements.length > 0) sendEntitlements(tx, entitlements);
}

/** Made as it was decided: nobody journaled it. */
const isOwn = ({ operation }: Decision) => !('seq' in operation);
