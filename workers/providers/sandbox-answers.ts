// What the sandbox's answers have to look like to be believed: nothing missing, and nothing that nobody knows.
import { z } from 'zod';

const money = { amount: z.int().min(1), currency: z.string().regex(/^[a-z]{3}$/) };
const ref = z.string().min(1);
const purchase = z.strictObject({ tenant: z.string(), purchaseId: z.uuid() });

export const refundBody = z.strictObject({
  ref,
  status: z.enum(['succeeded']),
  checkoutRef: ref,
  paymentRef: ref,
  /** Null for one that was made at the network by hand. */
  metadata: z.strictObject({ refundId: z.uuid().nullable() }),
  ...money,
});

export const disputeBody = z
  .strictObject({
    ref,
    status: z.enum(['open', 'won', 'lost']),
    checkoutRef: ref,
    paymentRef: ref,
    metadata: purchase,
    ...money,
    withdrawn: z.int().min(0),
    reason: z.string().nullable(),
  })
  .refine(({ withdrawn, amount }) => withdrawn <= amount, 'more withdrawn than disputed');

export const checkoutBody = z.strictObject({
  ref,
  url: z.url(),
  status: z.enum(['open', 'paid', 'declined', 'expired']),
  paymentRef: ref.nullable(),
  metadata: purchase,
  ...money,
  expiresAt: z.iso.datetime(),
  refunds: z.array(refundBody),
  disputes: z.array(disputeBody),
  /** The card that paid, which can be charged again; null while nobody paid. */
  method: z.strictObject({ customerRef: ref, methodRef: ref, label: z.string().min(1) }).nullable(),
});
export type CheckoutBody = z.infer<typeof checkoutBody>;

const object = z.enum(['checkout', 'refund', 'dispute']);

export const changesBody = z.strictObject({
  data: z.array(z.strictObject({ object, ref, changedAt: z.iso.datetime() })),
  hasMore: z.boolean(),
});

/** Only this code says that it will never work; anything else unexpected may be our own trouble. */
export const refusalBody = z.object({ code: z.literal('payment_state'), detail: z.string().optional() });

export const eventBody = z.object({ data: z.object({ object, ref }) });
export const payoutEventBody = z.object({ data: z.object({ object: z.literal('payout'), ref: z.uuid() }) });

export const payoutBody = z.strictObject({
  ref,
  status: z.enum(['paid', 'refused', 'returned']),
  metadata: z.strictObject({ payoutId: z.uuid() }),
  ...money,
});
export type PayoutBody = z.infer<typeof payoutBody>;
