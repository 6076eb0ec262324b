// Stripe's objects as far as we read them: fields that decide must be there, all others may be anything.
import { z } from 'zod';

/** Statuses are open lists at Stripe: an unknown one is for whoever reads it to take as "not yet". */
const status = z.string().nullish();
const money = { amount: z.int().min(0), currency: z.string().regex(/^[a-z]{3}$/) };
const metadata = z
  .record(z.string(), z.string())
  .nullish()
  .transform((given) => given ?? {});

const id = (prefix: string) => z.string().regex(new RegExp(`^${prefix}_[A-Za-z0-9_]+$`));
/** Refunds, disputes and charges have several prefixes, by kind of payment and age of account. */
const someId = id('[a-z]{2,12}');

/** An id, also where the object itself stands in its place. */
const reference = z
  .union([someId, z.object({ id: someId }).transform((object) => object.id)])
  .nullish()
  .transform((given) => given ?? null);

/** Whatever has an id and metadata, of ours or of anyone. */
export const glimpse = z.object({ id: someId, metadata });

export const sessionBody = z.object({
  id: id('cs'),
  object: z.literal('checkout.session'),
  mode: z.string(),
  status,
  payment_status: z.string(),
  amount_total: z.int().min(0).nullable(),
  currency: z.string().nullable(),
  payment_intent: reference,
  customer: reference,
  expires_at: z.int().min(0),
  success_url: z.string().nullish(),
  url: z.url({ protocol: /^https?$/ }).nullish(),
  livemode: z.boolean(),
  metadata,
});
export type StripeSession = z.infer<typeof sessionBody>;

export const intentBody = z.object({
  id: id('pi'),
  object: z.literal('payment_intent'),
  ...money,
  status,
  created: z.int(),
  livemode: z.boolean(),
  metadata,
  review: reference,
  cancellation_reason: z.string().nullish(),
  last_payment_error: z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
  payment_method: reference,
  /** Set where the payer agreed that the method is kept. */
  setup_future_usage: z.string().nullish(),
});
export type StripeIntent = z.infer<typeof intentBody>;

export const methodBody = z.object({
  id: someId,
  object: z.literal('payment_method'),
  type: z.string(),
  customer: reference,
  card: z.object({ brand: z.string(), last4: z.string() }).nullish(),
});

export const refundBody = z.object({
  id: someId,
  object: z.literal('refund'),
  ...money,
  status,
  payment_intent: reference,
  metadata,
  failure_reason: z.string().nullish(),
  pending_reason: z.string().nullish(),
});
export type StripeRefund = z.infer<typeof refundBody>;

const balanceTransaction = z.object({
  /** Signed, before fees: negative left the merchant. */
  amount: z.int(),
  currency: z.string(),
  /** `amount` in the dispute's currency times this is `amount` here. */
  exchange_rate: z.number().nullish(),
  type: z.string(),
});

export const disputeBody = z.object({
  id: someId,
  object: z.literal('dispute'),
  ...money,
  status,
  reason: z.string().nullish(),
  charge: reference,
  payment_intent: reference,
  balance_transactions: z.array(balanceTransaction),
});
export type StripeDispute = z.infer<typeof disputeBody>;

export const chargeBody = z.object({
  id: someId,
  object: z.literal('charge'),
  payment_intent: reference,
});

export const warningBody = z.object({
  id: someId,
  object: z.literal('radar.early_fraud_warning'),
  /** False once the payment was returned or disputed: there is nothing left to prevent. */
  actionable: z.boolean(),
  fraud_type: z.string().nullish(),
});

export const reviewBody = z.object({
  id: someId,
  object: z.literal('review'),
  open: z.boolean(),
  opened_reason: z.string().nullish(),
});

/** An event, stored or listed: enough to find the object it is about. */
export const eventBody = z.object({
  type: z.string().min(1),
  /** Set when a connected account is meant, which is nobody we know. */
  account: z.string().nullish(),
  data: z.object({ object: z.looseObject({}) }).optional(),
});

export const eventObject = z.object({ id: someId, object: z.string(), payment_intent: reference });
