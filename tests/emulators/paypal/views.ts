// How orders, captures and refunds look from outside: PayPal's representations, with their links.
import { fromMinor, type Money } from './money.ts';
import { type Capture, type Order, type Refund, toStamp, type World } from './world.ts';

type View = Record<string, unknown>;

const link = (href: string, rel: string, method = 'GET') => ({ href, rel, method });

const nameOf = ({ givenName, surname }: { givenName: string; surname: string }) => ({
  given_name: givenName,
  surname,
});

function orderLinks(world: World, order: Order): View[] {
  const self = `${world.base}/v2/checkout/orders/${order.id}`;
  const approve = `${world.base}/checkoutnow?token=${order.id}`;
  const change = link(self, 'update', 'PATCH');
  const capture = link(`${self}/capture`, 'capture', 'POST');
  if (order.status === 'CREATED') return [link(self, 'self'), link(approve, 'approve'), change, capture];
  if (order.status === 'PAYER_ACTION_REQUIRED') return [link(self, 'self'), link(approve, 'payer-action')];
  if (order.status === 'APPROVED') return [link(self, 'self'), change, capture];
  return [link(self, 'self')];
}

function paymentSourceOf({ payer, waiting }: Order): View {
  if (payer === undefined) return waiting === 'PAYER_ACTION_REQUIRED' ? { paypal: {} } : {};
  return {
    paypal: {
      email_address: payer.email,
      account_id: payer.payerId,
      account_status: 'VERIFIED',
      name: nameOf(payer),
      address: { country_code: payer.countryCode },
    },
  };
}

/** The whole order, as GET gives it, and POST with `Prefer: return=representation`. */
export function viewOrder(world: World, order: Order): View {
  const { account, payer, captures } = order;
  const refunds = captures.flatMap((capture) => capture.refunds);
  const source = paymentSourceOf(order);
  return {
    id: order.id,
    intent: 'CAPTURE',
    status: order.status,
    ...(Object.keys(source).length > 0 && { payment_source: source }),
    purchase_units: [
      {
        reference_id: order.referenceId,
        amount: fromMinor(order.amount, order.currency),
        payee: { email_address: account.email, merchant_id: account.merchantId },
        description: order.description,
        custom_id: order.customId,
        invoice_id: order.invoiceId,
        ...(captures.length > 0 && {
          payments: {
            captures: captures.map((capture) => viewCapture(world, capture)),
            ...(refunds.length > 0 && { refunds: refunds.map((refund) => viewRefund(world, refund)) }),
          },
        }),
      },
    ],
    ...(payer !== undefined && {
      payer: {
        name: nameOf(payer),
        email_address: payer.email,
        payer_id: payer.payerId,
        address: { country_code: payer.countryCode },
      },
    }),
    create_time: toStamp(order.createdAt),
    update_time: toStamp(order.updatedAt),
    links: orderLinks(world, order),
  };
}

/** What POST gives without `Prefer`: id, status and links, and the payments once there are some. */
export function viewOrderBriefly(world: World, order: Order): View {
  const { id, status, payment_source, payer, purchase_units, links } = viewOrder(world, order);
  const [unit] = purchase_units as View[];
  return {
    id,
    status,
    payment_source,
    ...(unit?.payments !== undefined && {
      purchase_units: [{ reference_id: unit.reference_id, payments: unit.payments }],
      payer,
    }),
    links,
  };
}

/** Money that went back for good, and money on its way back. */
export function refundedOf({ refunds }: Capture): { done: number; underWay: number } {
  const sum = (status: Refund['status']) =>
    refunds.filter((refund) => refund.status === status).reduce((total, { amount }) => total + amount, 0);
  return { done: sum('COMPLETED'), underWay: sum('PENDING') };
}

export function captureStatus(capture: Capture): string {
  const { done } = refundedOf(capture);
  if (done === 0) return capture.outcome;
  return done >= capture.amount ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
}

export function viewCapture(world: World, capture: Capture): View {
  const { order, fee } = capture;
  const self = `${world.base}/v2/payments/captures/${capture.id}`;
  const money = (minor: number): Money => fromMinor(minor, order.currency);
  const arrived = capture.outcome === 'COMPLETED';
  return {
    id: capture.id,
    status: captureStatus(capture),
    ...(capture.reason !== undefined && { status_details: { reason: capture.reason } }),
    amount: money(capture.amount),
    final_capture: true,
    seller_protection: {
      status: 'ELIGIBLE',
      dispute_categories: ['ITEM_NOT_RECEIVED', 'UNAUTHORIZED_TRANSACTION'],
    },
    // No fee is known, and no net amount, before the money is there.
    seller_receivable_breakdown: {
      gross_amount: money(capture.amount),
      ...(arrived && { paypal_fee: money(fee), net_amount: money(capture.amount - fee) }),
    },
    custom_id: order.customId,
    invoice_id: order.invoiceId,
    supplementary_data: { related_ids: { order_id: order.id } },
    create_time: toStamp(capture.createdAt),
    update_time: toStamp(capture.updatedAt),
    links: [
      link(self, 'self'),
      link(`${self}/refund`, 'refund', 'POST'),
      link(`${world.base}/v2/checkout/orders/${order.id}`, 'up'),
    ],
  };
}

export function viewRefund(world: World, refund: Refund): View {
  const { capture } = refund;
  const money = (minor: number): Money => fromMinor(minor, capture.order.currency);
  return {
    id: refund.id,
    status: refund.status,
    ...(refund.status === 'PENDING' && { status_details: { reason: 'ECHECK' } }),
    amount: money(refund.amount),
    note_to_payer: refund.note,
    custom_id: refund.customId,
    invoice_id: refund.invoiceId,
    seller_payable_breakdown: {
      gross_amount: money(refund.amount),
      paypal_fee: money(0),
      net_amount: money(refund.amount),
      total_refunded_amount: money(refundedOf(capture).done),
    },
    create_time: toStamp(refund.createdAt),
    update_time: toStamp(refund.updatedAt),
    links: [
      link(`${world.base}/v2/payments/refunds/${refund.id}`, 'self'),
      link(`${world.base}/v2/payments/captures/${capture.id}`, 'up'),
    ],
  };
}

/** What POST …/refund gives without `Prefer`. */
export function viewRefundBriefly(world: World, refund: Refund): View {
  const { id, status, links } = viewRefund(world, refund);
  return { id, status, links };
}
