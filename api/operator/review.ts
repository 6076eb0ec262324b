// A person's word on a payment that does not match its quote: it is taken as it is, or it goes back.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { markPurchaseDue } from '#shared/db/operations.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import {
  acceptPayment,
  findReviewedPayment,
  insertReviewRefund,
  type ReviewedPayment,
} from '#shared/db/purchase-reviews.ts';
import { holdPurchase, setPurchase } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { nextPurchaseStatus } from '#shared/ledger/purchase-states.ts';
import { endPurchase } from '#shared/outbox/news.ts';
import type { ApiDeps } from '../context.ts';
import { isId } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';

export const reviewInput = z.strictObject({
  decision: z
    .enum(['grant', 'refund'])
    .describe(
      '`grant`: what was paid is the price, and the coins come. `refund`: the whole payment goes back',
    ),
});
export type ReviewDecision = z.infer<typeof reviewInput>['decision'];

type Listening = Parameters<typeof endPurchase>[2];

interface Review {
  slug: string;
  /** The purchase. */
  id: string;
  decision: ReviewDecision;
  actor: string;
}

/**
 * Closes the review of a purchase. The first of two people decides.
 * @throws Problem tenant_not_found, not_found, payment_state when it is not in review or nothing was paid
 */
export async function decideReview(deps: ApiDeps, { slug, id, decision, actor }: Review): Promise<void> {
  const tenant = await requireTenantRow(deps, slug);
  const none = new Problem('not_found', { detail: 'The tenant has no such purchase.' });
  if (!isId(id)) throw none;
  await withTenant(deps.db.app, slug, async (tx) => {
    const purchase = await holdPurchase(tx, id);
    if (!purchase) throw none;
    const { status: was, price, currency } = purchase;
    const status = nextPurchaseStatus(was, decision === 'grant' ? 'review_granted' : 'review_refunded');
    const came = await findReviewedPayment(tx, id);
    if (!status) {
      throw new Problem('payment_state', { detail: `The purchase is ${was}: there is nothing to decide.` });
    }
    // It came into review before such payments were remembered; any look at the provider makes up for it.
    if (!came)
      throw new Problem('payment_state', { detail: 'What was paid is not known yet: reconcile first.' });
    if (decision === 'grant' && came.amount - came.gone < 1) {
      throw new Problem('payment_state', {
        detail: 'Nothing is left of the payment: there is nothing to take.',
      });
    }
    const done = decision === 'grant' ? 'taken as it was paid' : 'given back';
    await setPurchase(tx, id, {
      status,
      detail: `${purchase.detail ?? 'reviewed'} (${done} by an operator)`,
    });
    await acceptPayment(tx, id);
    if (decision === 'grant') await markPurchaseDue(tx, id);
    else await giveBack(deps, tx, tenant, id, came);
    const detail = { decision, quoted: { price, currency }, came };
    await insertAudit(tx, { tenant: slug, actor, action: 'purchase.review', target: id, detail });
  });
  await follow(deps, slug, id, decision);
}

/** The workers return the money, and retry for as long as it takes. */
async function giveBack(deps: ApiDeps, tx: Tx, tenant: Listening, id: string, came: ReviewedPayment) {
  await insertReviewRefund(tx, id, came);
  await endPurchase(deps.outbox, tx, tenant, id, 'failed');
  await deps.outbox.emit(tx, [
    { queue: 'provider', job: { tenant: tenant.slug, task: 'refund', operationId: id } },
  ]);
}

/** Wakes who has to act and who waits. The decision stands: what is not reached here is found by the sweep. */
async function follow(deps: ApiDeps, tenant: string, id: string, decision: ReviewDecision): Promise<void> {
  if (decision === 'refund') return deps.outcomes.publish([id]);
  try {
    await deps.producer.wakeOperations(tenant, [{ queue: 'purchase', kind: 'purchase', id, notify: true }]);
  } catch (error) {
    deps.metrics.enqueueFailures.inc();
    deps.log.warn({ err: error, tenant, operationId: id }, 'a purchase was not enqueued; the sweep will');
  }
}
