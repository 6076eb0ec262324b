// Draws the whole picture of a payment from Stripe's objects, whichever of them a hint was about.
import type {
  ProviderDispute,
  ProviderHint,
  ProviderPayment,
  ProviderRefund,
  StoredMethod,
} from '../provider.ts';
import { findSessionsOf, isOurs, type StripeAccount } from './account.ts';
import { ask, collect, find, unavailable } from './answers.ts';
import { storedCharge } from './charge.ts';
import { withdrawnBy } from './dispute-money.ts';
import {
  chargeBody,
  disputeBody,
  glimpse,
  intentBody,
  methodBody,
  refundBody,
  reviewBody,
  type StripeDispute,
  type StripeIntent,
  type StripeRefund,
  type StripeSession,
  sessionBody,
  warningBody,
} from './objects.ts';

type Hint = Exclude<ProviderHint, { about: 'nothing' }>;

/**
 * Empty only where Stripe does not know the object, or not yet the session of a payment that is ours. What
 * belongs to other business in the same account is shown without a purchase, and nothing more is asked.
 */
export async function look(account: StripeAccount, hint: Hint): Promise<ProviderPayment[]> {
  // What a webhook names becomes part of an address.
  if (!/^[a-z]{2,12}_[A-Za-z0-9_]{1,250}$/.test(hint.ref)) return [];
  const { about, ref } = hint;
  const { stripe } = account;
  // A charge of a stored method has no session: its intent is its checkout.
  if (about === 'payment' || ref.startsWith('pi_')) return lookAtIntent(account, ref);
  if (about === 'checkout') {
    const session = await find(sessionBody, 'a session', stripe.checkout.sessions.retrieve(ref));
    if (session && session.id !== ref) throw unavailable('answered with another session');
    return session ? [await readPayment(account, session)] : [];
  }
  if (about === 'refund') {
    const refund = await find(refundBody, 'a refund', stripe.refunds.retrieve(ref));
    return refund ? lookAtOwner(account, ref, refund.payment_intent) : [];
  }
  const dispute = await find(disputeBody, 'a dispute', stripe.disputes.retrieve(ref));
  if (!dispute) return [];
  return lookAtOwner(account, ref, dispute.payment_intent ?? (await intentOfCharge(account, dispute.charge)));
}

/** Money without an intent came in by another way than a session. */
function lookAtOwner(account: StripeAccount, ref: string, intentId: string | null) {
  return intentId === null ? [foreign(ref)] : lookAtIntent(account, intentId);
}

async function intentOfCharge({ stripe }: StripeAccount, charge: string | null): Promise<string | null> {
  if (charge === null) return null;
  const found = await find(chargeBody, 'a charge', stripe.charges.retrieve(charge));
  return found?.payment_intent ?? null;
}

async function lookAtIntent(account: StripeAccount, intentId: string): Promise<ProviderPayment[]> {
  const { stripe } = account;
  const intent = await find(intentBody, 'a payment intent', stripe.paymentIntents.retrieve(intentId));
  if (!intent) return [];
  if (intent.metadata.charge === storedCharge && isOurs(intent)) return [await readCharge(account, intent)];
  const what = 'the sessions of an intent';
  const listed = await collect(glimpse.loose(), what, (page) =>
    stripe.checkout.sessions.list({ ...page, payment_intent: intentId }),
  );
  const ours = listed.filter(isOurs);
  let sessions = await Promise.all(ours.map((each) => ask(sessionBody, what, Promise.resolve(each))));
  if (sessions.length === 0) {
    const { tenant, purchaseId } = intent.metadata;
    if (tenant !== account.tenant || purchaseId === undefined) return [foreign(intentId)];
    // The list may lag behind: then the session is there by its metadata, and may not name the intent yet.
    const found = await findSessionsOf(account, purchaseId, intent.created * 1000);
    sessions = found.filter(({ payment_intent: owner }) => owner === null || owner === intentId);
  }
  return Promise.all(sessions.map((session) => readPayment(account, session)));
}

function foreign(ref: string): ProviderPayment {
  return {
    checkoutRef: ref,
    paymentRef: null,
    state: 'open',
    tenant: null,
    purchaseId: null,
    amount: 0,
    currency: '',
    fault: null,
    refunds: [],
    disputes: [],
    warning: null,
    detail: 'this is no payment of ours',
  };
}

async function readPayment(account: StripeAccount, session: StripeSession): Promise<ProviderPayment> {
  if (!isOurs(session)) return foreign(session.id);
  const money = session.payment_intent ? await readMoney(account, session.payment_intent) : undefined;
  const state = stateOf(session, money?.intent);
  const fault = session.mode === 'payment' ? faultOf(account, session) : wrongMode(session);
  const { amount_total: amount, currency } = session;
  // In the currency of the price; what a payer was shown in their own is in presentment_details.
  const quoted = { amount: amount ?? 0, currency: currency ?? '', metadata: session.metadata };
  const method = state === 'paid' && money ? await readMethod(account, session, money.intent) : null;
  return { ...pictureOf(session.id, session.payment_intent, state, quoted, money), fault, method };
}

/** A stored method that was charged: a try that failed is over, for nobody is there to try again. */
async function readCharge(account: StripeAccount, intent: StripeIntent): Promise<ProviderPayment> {
  const money = await readMoney(account, intent.id);
  const { status } = money.intent;
  const goesOn = status === 'processing' ? 'processing' : 'failed';
  const state = status === 'succeeded' ? 'paid' : goesOn;
  return { ...pictureOf(intent.id, intent.id, state, money.intent, money), fault: faultOf(account, intent) };
}

function pictureOf(
  checkoutRef: string,
  intentId: string | null,
  state: ProviderPayment['state'],
  quoted: { amount: number; currency: string; metadata: Record<string, string> },
  money: Awaited<ReturnType<typeof readMoney>> | undefined,
): Omit<ProviderPayment, 'fault'> {
  const { intent, refunds = [], disputes = [], warning = null } = money ?? {};
  const { amount, currency, metadata } = quoted;
  const moved = ['processing', 'paid'].includes(state) || refunds.length > 0 || disputes.length > 0;
  return {
    checkoutRef,
    paymentRef: moved ? intentId : null,
    state,
    tenant: metadata.tenant ?? null,
    purchaseId: metadata.purchaseId ?? null,
    ...{ amount, currency, refunds, disputes, warning },
    detail: intent?.last_payment_error?.message ?? intent?.cancellation_reason ?? null,
  };
}

/** A failed try alone ends nothing, the payer may try again; an unknown status is never an end. */
function stateOf(session: StripeSession, intent: StripeIntent | undefined): ProviderPayment['state'] {
  const isComplete = session.status === 'complete';
  if (session.payment_status === 'paid' || intent?.status === 'succeeded') return 'paid';
  if (isComplete && session.payment_status === 'no_payment_required') return 'paid';
  if (intent?.status === 'processing') return 'processing';
  if (session.status === 'expired') return 'expired';
  if (intent?.status === 'canceled') return 'failed';
  if (!isComplete) return 'open';
  // Complete, and the intent wants a new way to pay, which this session cannot ask for any more.
  return intent?.status === 'requires_payment_method' ? 'failed' : 'processing';
}

const wrongMode = ({ mode }: StripeSession) => `the session is not for a payment but for "${mode}"`;

function faultOf({ livemode }: StripeAccount, object: { livemode: boolean }): string | null {
  if (livemode === undefined || object.livemode === livemode) return null;
  const words = (live: boolean) => (live ? 'live' : 'test');
  return `the payment is in ${words(object.livemode)} mode and the secret key in ${words(livemode)} mode`;
}

/** Asked only where it was to be kept. */
async function readMethod(
  { stripe }: StripeAccount,
  { customer }: StripeSession,
  { payment_method: ref, setup_future_usage: usage }: StripeIntent,
): Promise<StoredMethod | null> {
  if (usage !== 'off_session' || customer === null || ref === null) return null;
  const method = await find(methodBody, 'a payment method', stripe.paymentMethods.retrieve(ref));
  if (!method) return null;
  const { type, card } = method;
  return { customerRef: customer, methodRef: ref, label: card ? `${card.brand} •••• ${card.last4}` : type };
}

async function readMoney(account: StripeAccount, intentId: string) {
  const { stripe } = account;
  const [intent, refunds, disputes, warnings] = await Promise.all([
    ask(intentBody, 'a payment intent', stripe.paymentIntents.retrieve(intentId)),
    collect(refundBody, 'the refunds of an intent', (page) =>
      stripe.refunds.list({ ...page, payment_intent: intentId }),
    ),
    collect(disputeBody, 'the disputes of an intent', (page) =>
      stripe.disputes.list({ ...page, payment_intent: intentId }),
    ),
    collect(warningBody, 'the fraud warnings of an intent', (page) =>
      stripe.radar.earlyFraudWarnings.list({ ...page, payment_intent: intentId }),
    ),
  ]);
  if (intent.id !== intentId) throw unavailable('answered with another payment intent');
  const strayed = [...refunds, ...disputes].some(
    ({ payment_intent: owner }) => owner !== null && owner !== intentId,
  );
  if (strayed) throw unavailable('listed what belongs to another payment intent');
  const review =
    intent.review === null
      ? undefined
      : await ask(reviewBody, 'a review', stripe.reviews.retrieve(intent.review));
  const reasons = [
    ...warnings.filter(({ actionable }) => actionable).map((each) => `fraud warning: ${each.fraud_type}`),
    ...(review?.open ? [`under review: ${review.opened_reason}`] : []),
  ];
  return {
    intent,
    refunds: refunds.map((refund) => readRefund(account, refund)),
    disputes: disputes.map(readDispute),
    warning: reasons.length > 0 ? reasons.join('; ') : null,
  };
}

function readRefund({ tenant }: StripeAccount, refund: StripeRefund): ProviderRefund {
  const { id, amount, currency, metadata } = refund;
  return {
    ref: id,
    refundId: metadata.tenant === tenant ? (metadata.refundId ?? null) : null,
    amount,
    currency,
    state: refundStateOf(refund),
    detail: refund.failure_reason ?? refund.pending_reason ?? null,
  };
}

/** https://docs.stripe.com/api/refunds/object#refund_object-status; what is unknown has not failed. */
export function refundStateOf({ status }: StripeRefund): ProviderRefund['state'] {
  if (status === 'succeeded') return 'done';
  return status === 'failed' || status === 'canceled' ? 'failed' : 'pending';
}

const closed = ['won', 'lost', 'warning_closed', 'prevented'];

function readDispute(dispute: StripeDispute): ProviderDispute {
  const { id, status, amount, currency, reason = null } = dispute;
  const isClosed = closed.includes(status ?? '');
  const isInquiry = !isClosed && status?.startsWith('warning_');
  return {
    ref: id,
    state: isClosed ? 'closed' : isInquiry ? 'inquiry' : 'open',
    withdrawn: isInquiry ? 0 : withdrawnBy(dispute),
    amount,
    currency,
    reason,
    outcome: isClosed ? (status ?? null) : null,
  };
}
