// Pays out everybody whose coins reach the minimum: one transaction journals a page of payouts, once for a key.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { insertOperations, type JournalRow } from '#shared/db/journal.ts';
import {
  findPayoutBatch,
  insertPayoutBatch,
  listPayableWallets,
  listPayoutCandidates,
  type PayableWallet,
  setPayoutBatchAnswer,
} from '#shared/db/payout-batches.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps, PlatformCaller } from '../context.ts';
import { contentHash } from '../journal-row.ts';
import { decodeIdCursor, encodeCursor } from '../routes/cursor.ts';
import { auditAct } from '../top-ups/methods.ts';
import { moneyOf, needsDestination, type PayoutRules, requirePayer, rulesOf, termsOf } from './terms.ts';

export const batchInput = z.strictObject({
  limit: z.int().min(1).max(1000).default(500).openapi({ description: 'Wallets to look at, at most' }),
  cursor: z.string().max(200).optional().openapi({ description: '`nextCursor` of the batch before' }),
});

export const batchView = z
  .object({
    id: z.uuid(),
    looked: z.int().openapi({ description: 'Wallets that were looked at' }),
    requested: z.int().openapi({
      description: 'Payouts that were journaled: GET /payouts?batch= lists those that took their coins',
    }),
    coins: z.int(),
    amount: z.int().openapi({ description: 'In the minor unit of `currency`' }),
    currency: z.string(),
    withoutDestination: z
      .int()
      .openapi({ description: 'Users left out because nobody said where their money goes' }),
    hasMore: z.boolean(),
    nextCursor: z.string().nullable(),
  })
  .openapi('PayoutBatch');
type BatchView = z.infer<typeof batchView>;

export interface TakenPayoutBatch {
  view: BatchView;
  replayed: boolean;
}

/** @throws Problem payouts_not_configured, provider_not_configured, idempotency_key_reused */
export async function payEverybody(
  deps: ApiDeps,
  caller: PlatformCaller,
  body: z.output<typeof batchInput>,
  idempotencyKey: string,
): Promise<TakenPayoutBatch> {
  const { tenant } = caller;
  const bodyHash = contentHash(['payouts', body]);
  const batch = { id: newId(), idempotencyKey, bodyHash };
  const { taken, ids } = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const earlier = await findPayoutBatch(tx, idempotencyKey);
    if (!earlier) {
      const rules = rulesOf(tenant);
      requirePayer(deps, tenant, rules);
      if (await insertPayoutBatch(tx, batch)) return makeBatch(tx, caller, batch.id, rules, body);
    }
    // Another request with this key was at it; by now it has an answer.
    const known = earlier ?? (await findPayoutBatch(tx, idempotencyKey));
    if (known?.bodyHash !== bodyHash) {
      throw new Problem('idempotency_key_reused', {
        detail: 'This Idempotency-Key made another batch of payouts.',
      });
    }
    return { taken: { view: known.answer as BatchView, replayed: true }, ids: [] };
  });
  if (ids.length > 0) await wake(deps, tenant.slug, ids);
  return taken;
}

async function makeBatch(
  tx: Tx,
  caller: PlatformCaller,
  batchId: string,
  rules: PayoutRules,
  { limit, cursor }: z.output<typeof batchInput>,
): Promise<{ taken: TakenPayoutBatch; ids: string[] }> {
  const after = cursor === undefined ? null : decodeIdCursor(cursor, ['payouts', rules.coin]);
  const filter = { ...rules, after, limit };
  const looked = await listPayoutCandidates(tx, filter);
  const able = looked.length === 0 ? [] : await listPayableWallets(tx, looked, filter);
  const placed = needsDestination(rules) ? able.filter((each) => each.destinationId !== null) : able;
  const rows = placed
    .filter(({ coins }) => moneyOf(rules, coins) !== undefined)
    .map((each) => rowOf(rules, batchId, each));
  if (rows.length > 0) await insertOperations(tx, rows);
  const hasMore = looked.length === limit;
  const last = looked.at(-1);
  const view: BatchView = {
    ...{ id: batchId, looked: looked.length, requested: rows.length, currency: rules.currency },
    coins: rows.reduce((sum, { amount }) => sum + (amount ?? 0), 0),
    amount: rows.reduce((sum, { terms }) => sum + (terms?.payout?.amount ?? 0), 0),
    withoutDestination: able.length - placed.length,
    ...{ hasMore, nextCursor: hasMore && last ? encodeCursor(last, ['payouts', rules.coin]) : null },
  };
  await setPayoutBatchAnswer(tx, batchId, view);
  await auditAct(tx, caller, 'payout.batch', batchId, { requested: rows.length, coins: view.coins });
  return { taken: { view, replayed: false }, ids: rows.map(({ id }) => id) };
}

function rowOf(
  rules: PayoutRules,
  batchId: string,
  { walletId, userId, coins, destinationId }: PayableWallet,
): JournalRow {
  // Starts with a space: no caller can send such a key.
  const idempotencyKey = ` payout/${batchId}/${walletId}`;
  return {
    ...{ id: newId(), kind: 'payout', due: true, walletId, userId, amount: coins, bucket: null },
    ...{ originalId: null, shortfall: null, metadata: null, note: null, groupId: null, reference: null },
    terms: { payout: termsOf(rules, coins, destinationId, batchId) },
    idempotencyKey,
    bodyHash: contentHash(idempotencyKey),
  };
}

/** They are journaled: if the queue is down, the sweep finds them. */
async function wake({ producer, log, metrics }: ApiDeps, tenant: string, ids: string[]): Promise<void> {
  try {
    await producer.wakeOperations(
      tenant,
      ids.map((id) => ({ queue: 'spend', kind: 'payout', id, notify: false })),
    );
  } catch (error) {
    metrics.enqueueFailures.inc();
    log.warn({ err: error, tenant, payouts: ids.length }, 'payouts were not enqueued; the sweep will');
  }
}
