// Takes money by a stored payment method, once per purchase of ours, while its payer is away.
import type { ChargeAnswer, ChargeRequest } from '../provider.ts';
import { ProviderNotNow } from '../unavailable.ts';
import { type StripeAccount, timeInId } from './account.ts';
import { attempt, collect, isOperatorsFault, type StripeRefusal, unavailable } from './answers.ts';
import { keyInTime } from './keys.ts';
import { intentBody, methodBody, type StripeIntent } from './objects.ts';

/** Marks an intent that no Checkout Session made. */
export const storedCharge = 'stored';

/** Our clocks and Stripe's may differ by this. */
const skewSeconds = 300;

/** https://docs.stripe.com/api/payment_intents/create. @throws ProviderUnavailable */
export async function chargeStored(account: StripeAccount, request: ChargeRequest): Promise<ChargeAnswer> {
  const { stripe, tenant } = account;
  const { purchaseId, amount, currency, customerRef: customer, methodRef, askedAt } = request;
  const madeAt = timeInId(purchaseId) ?? askedAt.getTime();
  const created = { gte: Math.floor(Math.min(madeAt, askedAt.getTime()) / 1000) - skewSeconds };
  const known = await collect(intentBody, 'the payment intents of a customer', (page) =>
    stripe.paymentIntents.list({ ...page, customer, created }),
  ).catch((error: unknown) => {
    // A customer that was deleted has no list; the charge itself then says so.
    if (isMissing(error)) return [];
    throw error;
  });
  const isIt = ({ metadata }: StripeIntent) =>
    metadata.purchaseId === purchaseId && metadata.tenant === tenant && metadata.charge === storedCharge;
  const earlier = known.find(isIt);
  if (earlier) return answerOf(earlier);
  const idempotencyKey = keyInTime(`charge-${purchaseId}`, askedAt.getTime(), Date.now());
  if (idempotencyKey === undefined)
    throw new ProviderNotNow('stripe', 'is not asked while an earlier try may be under way');
  const { made, refused } = await attempt(
    intentBody,
    'a charge of a stored method',
    stripe.paymentIntents.create(
      {
        ...{ amount, currency, customer, payment_method: methodRef },
        ...{ off_session: true, confirm: true },
        // Nobody is there to be sent anywhere.
        automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
        metadata: { tenant, purchaseId, charge: storedCharge },
      },
      { idempotencyKey },
    ),
  );
  if (made) {
    const fits = isIt(made) && made.amount === amount && made.currency === currency;
    if (!fits) throw unavailable(`answered with another charge than that of purchase ${purchaseId}`);
    return answerOf(made);
  }
  return refusalOf(refused);
}

function answerOf({ id: ref, status, last_payment_error: error }: StripeIntent): ChargeAnswer {
  if (status === 'succeeded') return { status: 'paid', ref };
  if (status === 'processing') return { status: 'processing', ref };
  const detail = error?.message ?? `the payment is ${status}`;
  const asks = status === 'requires_action' || error?.code === 'authentication_required';
  return { status: 'refused', code: asks ? 'authentication_required' : 'card_declined', detail, ref };
}

/** What the operator can put right is not the method's fault: it may still be charged. */
function refusalOf({ status, code = '', param, text, intent }: StripeRefusal): ChargeAnswer {
  const ref = intent === undefined ? {} : { ref: intent };
  if (code === 'authentication_required') return { status: 'refused', code, detail: text, ...ref };
  // https://docs.stripe.com/error-codes: errors of cards come with 402.
  if (status === 402) return { status: 'refused', code: 'card_declined', detail: text, ...ref };
  if (code === 'resource_missing' && (param === 'payment_method' || param === 'customer')) {
    return { status: 'refused', code: 'method_removed', detail: text };
  }
  if (isOperatorsFault({ status, code })) {
    throw unavailable(`answered ${status} to a charge of a stored method: ${text}`);
  }
  return { status: 'refused', code: 'payment_refused', detail: text, ...ref };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && /\b(400|404)\b.*No such customer/.test(error.message);
}

/** https://docs.stripe.com/api/payment_methods/detach: what is detached or gone is forgotten. @throws ProviderUnavailable */
export async function detachMethod({ stripe }: StripeAccount, methodRef: string): Promise<void> {
  await attempt(methodBody, 'a method to forget', stripe.paymentMethods.detach(methodRef));
}
