// The parts of PayPal's answers that we use, each with its form; what else they hold is not looked at.
import { z } from 'zod';
import { moneySchema } from './money.ts';

/** Links and ids that may be missing or odd are left out instead of making the whole answer unreadable. */
const looseText = z.string().optional().catch(undefined);

const link = z.object({ rel: z.string(), href: z.string() });
const links = z.array(link).default([]).catch([]);
export type Link = z.infer<typeof link>;

const statusDetails = z.object({ reason: looseText }).optional().catch(undefined);

export const capture = z.object({
  id: z.string().min(1),
  status: z.string(),
  status_details: statusDetails,
  amount: moneySchema,
  custom_id: looseText,
  supplementary_data: z
    .object({ related_ids: z.object({ order_id: looseText }).optional() })
    .optional()
    .catch(undefined),
  links,
});
export type Capture = z.infer<typeof capture>;

export const refund = z.object({
  id: z.string().min(1),
  status: z.string(),
  status_details: statusDetails,
  amount: moneySchema,
  custom_id: looseText,
  note_to_payer: looseText,
  create_time: looseText,
  links,
});
export type Refund = z.infer<typeof refund>;

/** Of what an order lists, an item may be shown in short: then it has to be fetched by its id. */
const listed = <T extends z.ZodType>(whole: T) =>
  z.array(z.union([whole, z.object({ id: z.string().min(1) })])).default([]);

const purchaseUnit = z.object({
  amount: moneySchema.optional(),
  custom_id: looseText,
  payments: z
    .object({ captures: listed(capture), refunds: listed(refund) })
    .default({ captures: [], refunds: [] }),
});

export const order = z.object({
  id: z.string().min(1),
  status: z.string(),
  purchase_units: z.array(purchaseUnit).min(1),
  links,
});
export type Order = z.infer<typeof order>;

/** What creating and capturing must tell; the rest is fetched. */
export const orderCreated = z.object({ id: z.string().min(1), links });
export const refundMade = z.object({
  id: z.string().min(1),
  status: z.string(),
  status_details: statusDetails,
});

const movement = z.object({
  /** SELLER, BUYER or PAYMENT_PROCESSOR; `party` in newer answers. */
  affected_party: looseText,
  party: looseText,
  type: z.string(),
  reason: looseText,
  amount: moneySchema.optional(),
  initiated_time: looseText,
});
export type Movement = z.infer<typeof movement>;

export const dispute = z.object({
  dispute_id: z.string().min(1),
  status: z.string(),
  dispute_life_cycle_stage: looseText,
  reason: looseText,
  dispute_amount: moneySchema.optional(),
  dispute_outcome: z.object({ outcome_code: looseText }).optional().catch(undefined),
  disputed_transactions: z
    .array(z.object({ seller_transaction_id: looseText, gross_amount: moneySchema.optional() }))
    .default([]),
  /** Newer answers call them fund movements. Money that cannot be read must not be taken for none. */
  money_movements: z.array(movement).optional(),
  fund_movements: z.array(movement).optional(),
});
export type Dispute = z.infer<typeof dispute>;

export const disputeList = z.object({
  items: z.array(z.object({ dispute_id: z.string().min(1) })).default([]),
  links,
});

export const transactionList = z.object({
  transaction_details: z
    .array(
      z.object({
        transaction_info: z.object({
          transaction_id: z.string(),
          paypal_reference_id: looseText,
          paypal_reference_id_type: looseText,
          transaction_event_code: z.string(),
          custom_field: looseText,
        }),
      }),
    )
    .default([]),
  total_pages: z.int().min(0).default(0),
});

export const verification = z.object({ verification_status: z.string() });

export const token = z.object({
  /** Goes into a header. */
  access_token: z.string().regex(/^[\x21-\x7e]{1,8192}$/),
  expires_in: z.number().min(0),
});

/** PayPal's errors; the token endpoint has a form of its own. */
export const problem = z.object({
  name: looseText,
  message: looseText,
  debug_id: looseText,
  details: z
    .array(z.object({ issue: looseText, description: looseText }))
    .optional()
    .catch(undefined),
  error: looseText,
  error_description: looseText,
});
