// Methods that payers left with the merchant: charged while their holders are away, and let go.
import type Stripe from 'stripe';
import { newIntent } from './payment-objects.ts';
import { charge, refuse, succeed } from './payments.ts';
import { invalidRequest, missing, StripeFailure } from './stripe-failure.ts';
import { mustGet, type OffSessionKind, type StripeAccount, type StripeWorld } from './stripe-world.ts';

/** A create request as the schema leaves it: https://docs.stripe.com/api/payment_intents/create. */
export interface OffSessionRequest {
  amount: number;
  currency: string;
  customer: string;
  payment_method: string;
  description?: string;
  metadata?: Record<string, string>;
}

/** Test methods that need no checkout: https://docs.stripe.com/testing. Attached to whoever is charged by them. */
const magicMethods: Record<string, OffSessionKind> = {
  pm_card_visa: 'ok',
  pm_card_visa_chargeDeclined: 'card_declined',
  pm_card_chargeCustomerFail: 'card_declined',
  pm_card_authenticationRequired: 'authentication_required',
};

const refusals = {
  card_declined: { code: 'card_declined', decline: 'generic_decline', words: 'Your card was declined.' },
  authentication_required: {
    code: 'authentication_required',
    decline: 'authentication_required',
    words: 'Your card was declined. This transaction requires authentication.',
  },
};

/** Charges a stored method at once. A refusal keeps the intent, as Stripe does, and names it in the error. */
export function chargeMethod(
  world: StripeWorld,
  account: StripeAccount,
  request: OffSessionRequest,
): Stripe.PaymentIntent {
  const { customer, payment_method: methodId } = request;
  if (!account.customers.has(customer)) throw missing('customer', customer, 'customer', 400);
  const kind = kindOf(account, request);
  const about = { amount_total: Number(request.amount), currency: request.currency, customer };
  const plan = { metadata: request.metadata ?? {}, description: request.description ?? null };
  const texts = { receiptEmail: null, statementDescriptor: null, setupFutureUsage: null };
  const intent = newIntent(world, account, about, { ...plan, ...texts });
  intent.payment_method = methodId;
  account.intents.set(intent.id, intent);
  world.emit(account, 'payment_intent.created', intent);
  if (kind === 'card_declined' || kind === 'authentication_required') {
    const { code, decline, words } = refusals[kind];
    const failed = charge(world, account, intent, 'failed');
    failed.failure_code = code;
    failed.failure_message = words;
    refuse(world, account, intent, failed);
    const body = { type: 'card_error', code, decline_code: decline, message: words };
    throw new StripeFailure(402, { ...body, payment_intent: structuredClone(intent) });
  }
  const made = charge(world, account, intent, 'pending');
  account.cards.set(made.id, 'ok');
  if (kind === 'processing') {
    intent.status = 'processing';
    world.emit(account, 'payment_intent.processing', intent);
  } else succeed(world, account, intent);
  return intent;
}

function kindOf(account: StripeAccount, { customer, payment_method: id }: OffSessionRequest): OffSessionKind {
  const magic = magicMethods[id];
  if (magic !== undefined) return magic;
  const method = account.methods.get(id);
  if (method === undefined) throw missing('PaymentMethod', id, 'payment_method', 400);
  if (method.customer === customer) return account.offSession.get(id) ?? 'ok';
  throw invalidRequest(
    'The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared ' +
      'with a connected account without Customer attachment, or was detached from a Customer. It may not be ' +
      'used again.',
  );
}

/** The holder or the merchant lets go of it. */
export function detachMethod(world: StripeWorld, account: StripeAccount, id: string): Stripe.PaymentMethod {
  const method = account.methods.get(id);
  if (method === undefined) throw missing('PaymentMethod', id);
  if (method.customer === null) {
    throw invalidRequest(
      'The payment method you provided is not attached to a customer so detachment is impossible.',
    );
  }
  method.customer = null;
  world.emit(account, 'payment_method.detached', method);
  return method;
}

/** The money of a charge that was `processing` came, or did not. */
export function endProcessing(
  world: StripeWorld,
  account: StripeAccount,
  intentId: string,
  comes: boolean,
): void {
  const intent = mustGet(account.intents, intentId);
  if (intent.status !== 'processing') throw new Error(`${intentId} is ${intent.status}, not processing`);
  if (comes) {
    succeed(world, account, intent);
    return;
  }
  const failed = mustGet(account.charges, String(intent.latest_charge));
  failed.status = 'failed';
  failed.failure_code = 'payment_method_provider_decline';
  failed.failure_message = 'The customer’s bank declined the debit.';
  refuse(world, account, intent, failed);
}
