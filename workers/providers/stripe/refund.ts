// Returns money through Stripe, once per refund of ours, whatever became of earlier tries.
import type { RefundAnswer, RefundRequest } from '../provider.ts';
import { ProviderNotNow } from '../unavailable.ts';
import type { StripeAccount } from './account.ts';
import { attempt, collect, isOperatorsFault, type StripeRefusal, unavailable } from './answers.ts';
import { keyInTime } from './keys.ts';
import { refundBody, type StripeRefund } from './objects.ts';
import { refundStateOf } from './payment-picture.ts';

/** Exported for its test. Undefined: wait, the key is about to change. */
export const refundKey = (refundId: string, askedAtMs: number, nowMs: number) =>
  keyInTime(`refund-${refundId}`, askedAtMs, nowMs);

/** https://docs.stripe.com/api/refunds/create. @throws ProviderUnavailable */
export async function refund(account: StripeAccount, request: RefundRequest): Promise<RefundAnswer> {
  const { stripe, tenant } = account;
  const { refundId, paymentRef, amount, currency, askedAt } = request;
  const known = await collect(refundBody, 'the refunds of a payment', (page) =>
    stripe.refunds.list({ ...page, payment_intent: paymentRef }),
  );
  const isIt = ({ metadata }: StripeRefund) => metadata.refundId === refundId && metadata.tenant === tenant;
  const earlier = known.find(isIt);
  if (earlier) return answerOf(earlier);
  const idempotencyKey = refundKey(refundId, askedAt.getTime(), Date.now());
  if (idempotencyKey === undefined)
    throw new ProviderNotNow('stripe', 'is not asked while an earlier try may be under way');
  const { made, refused } = await attempt(
    refundBody,
    'a new refund',
    stripe.refunds.create(
      { payment_intent: paymentRef, amount, metadata: { tenant, refundId } },
      { idempotencyKey },
    ),
  );
  if (made) {
    const fits =
      isIt(made) &&
      made.amount === amount &&
      made.currency === currency &&
      made.payment_intent === paymentRef;
    if (!fits) throw unavailable(`answered with another refund than ${refundId}`);
    return answerOf(made);
  }
  if (!isDefinite(refused)) {
    throw new ProviderNotNow('stripe', `answered ${refused.status} to a new refund: ${refused.text}`);
  }
  return { status: 'refused', detail: refused.text };
}

function answerOf(made: StripeRefund): RefundAnswer {
  const state = refundStateOf(made);
  if (state === 'failed') {
    return { status: 'refused', ref: made.id, detail: made.failure_reason ?? `the refund ${made.status}` };
  }
  return { status: state === 'done' ? 'returned' : 'taken', ref: made.id };
}

/**
 * An empty balance fills up again, and a payment that the account does not know was made with another
 * account's key: both may still succeed.
 */
function isDefinite(refusal: StripeRefusal): boolean {
  return !isOperatorsFault(refusal) && !/^(balance_insufficient|insufficient_funds)/.test(refusal.code ?? '');
}
