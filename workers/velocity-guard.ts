// Brings the tenant's rules to a batch that is decided, writes what they counted, and tells of what they held.
import type { Services } from '#shared/boot/services.ts';
import type { Tx } from '#shared/db/pool.ts';
import { listAsked, listWalletPasts, sendCounters } from '#shared/db/velocity.ts';
import type { PendingOperation } from '#shared/ledger/states.ts';
import { type Guard, hasRules, isWatched, type VelocitySettings } from '#shared/ledger/velocity.ts';

/**
 * The rules of a tenant; undefined where it has none. Read before settling begins: a fault here must look
 * like an outage, and not like an operation that cannot be settled.
 */
export async function findRules(
  { tenants }: Pick<Services, 'tenants'>,
  slug: string,
): Promise<VelocitySettings | undefined> {
  const velocity = (await tenants.find(slug))?.settings.velocity;
  return velocity && hasRules(velocity) ? velocity : undefined;
}

/** Reads what the rules ask of these operations. The wallets are locked, so nobody counts beside us. */
export async function openGuard(
  tx: Tx,
  settings: VelocitySettings,
  due: PendingOperation[],
): Promise<Guard | undefined> {
  // A purchase that is settled was judged before its payer paid.
  const watched = due.filter(({ kind }) => kind !== 'purchase' && isWatched(settings, kind));
  if (watched.length === 0) {
    return settings.balanceMax === null ? undefined : { settings, pasts: new Map(), asked: new Map() };
  }
  // Both leave together: one round trip.
  const [pasts, asked] = await Promise.all([
    listWalletPasts(tx, [...new Set(watched.map((operation) => operation.walletId))]),
    listAsked(
      tx,
      watched.map((operation) => operation.id),
    ),
  ]);
  return { settings, pasts, asked };
}

/** Sends what the guard counted, without waiting. */
export function sendCounted(tx: Tx, { pasts }: Guard): void {
  const changed = [...pasts].filter(([, past]) => past.changed);
  if (changed.length === 0) return;
  sendCounters(
    tx,
    changed.map(([walletId, { counters }]) => ({ walletId, counters })),
  );
}

interface Caught {
  operation: Pick<PendingOperation, 'id' | 'kind' | 'walletId'>;
  heldFor: string;
}

/** Ids that one line of the log names, at most. */
const namedMax = 20;

/** Tells operators that something waits for them: a line per wallet, however many of its operations were caught. */
export function reportHeld(
  { log, metrics }: Pick<Services, 'log' | 'metrics'>,
  tenant: string,
  held: Caught[],
): void {
  for (const { operation } of held) metrics.held.labels(operation.kind).inc();
  for (const [walletId, group] of Map.groupBy(held, (each) => each.operation.walletId)) {
    const operationIds = group.slice(0, namedMax).map((each) => each.operation.id);
    const facts = { tenant, walletId, operations: group.length, operationIds, heldFor: group[0]?.heldFor };
    log.warn({ ...facts, alert: 'operation_held' }, 'operations wait for an operator to decide');
  }
}
