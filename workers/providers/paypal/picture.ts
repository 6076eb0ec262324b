// Makes one payment of what PayPal shows of it: an order with its captures, refunds and disputes.
import type { ProviderDispute, ProviderPayment, ProviderRefund } from '../provider.ts';
import type { Capture, Dispute, Order, Refund } from './answers.ts';
import { readDispute } from './disputes.ts';

export interface Known {
  order: Order;
  captures: Capture[];
  refunds: Refund[];
  disputes: Dispute[];
}

/** Statuses of a capture whose money was here, whatever became of it later. */
const moneyCame = new Set(['COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'REVERSED']);
const moneyRefused = new Set(['DENIED', 'DECLINED', 'FAILED']);

/** Reasons of a pending capture that are doubts about the payer. */
const doubts = new Set(['PENDING_REVIEW', 'BUYER_COMPLAINT', 'CHARGEBACK']);

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const hasMoney = ({ status }: Capture) => moneyCame.has(status);

/**
 * An order's own COMPLETED proves nothing, the capture decides. While the order waits for the payer, a
 * capture that was declined does not end it: the payer may choose other means and approve again.
 */
export function paint({ order, captures, refunds, disputes }: Known): ProviderPayment {
  const unit = order.purchase_units[0];
  const capture = mainCapture(captures);
  const state = stateOf(order, capture);
  const money = capture?.amount ?? unit?.amount;
  const { tenant, purchaseId } = readCustomId(unit?.custom_id ?? capture?.custom_id);
  const reason = capture?.status_details?.reason ?? null;
  const listed = refunds.map(readRefund);
  // Each reversal may explain one movement only, over all disputes.
  const unclaimed = refunds.filter((_, at) => listed[at]?.state === 'done');
  const fromDisputes = capture ? disputes.map((each) => readDispute(each, capture, unclaimed)) : [];
  return {
    checkoutRef: order.id,
    paymentRef: capture && (state === 'paid' || state === 'processing') ? capture.id : null,
    state,
    tenant,
    purchaseId,
    amount: money?.amount ?? 0,
    currency: money?.currency ?? '',
    fault: captures.filter(hasMoney).length > 1 ? 'the order was captured more than once' : null,
    refunds: listed,
    disputes: [...fromDisputes, ...reversalOf(capture, listed, fromDisputes)],
    warning: state === 'processing' && reason !== null && doubts.has(reason) ? reason : null,
    detail: reason ?? capture?.status ?? order.status,
  };
}

/** What came in counts, then what may still come in, then the last attempt. */
function mainCapture(captures: Capture[]): Capture | undefined {
  return (
    captures.find(hasMoney) ?? captures.findLast(({ status }) => status === 'PENDING') ?? captures.at(-1)
  );
}

function stateOf({ status }: Order, capture: Capture | undefined): ProviderPayment['state'] {
  if (capture && hasMoney(capture)) return 'paid';
  const isRefused = capture !== undefined && moneyRefused.has(capture.status);
  // PENDING, and any status that PayPal may yet invent: neither money nor its end.
  if (capture && !isRefused) return 'processing';
  if (status === 'APPROVED') return 'approved';
  if (status === 'VOIDED') return 'expired';
  if (status === 'COMPLETED') return isRefused ? 'failed' : 'processing';
  return 'open';
}

const ours = /^([a-z][a-z0-9-]{1,30}):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** Of any other form it is the tenant's other business, which is none of ours. */
function readCustomId(text = ''): { tenant: string | null; purchaseId: string | null } {
  const [, tenant = null, purchaseId = null] = ours.exec(text) ?? [];
  return { tenant, purchaseId };
}

/** The tenant's slug and our purchase, in one field that PayPal shows on orders, captures and reports. */
export function writeCustomId(tenant: string, purchaseId: string): string {
  return `${tenant}:${purchaseId}`;
}

function readRefund({ id, status, status_details, amount, custom_id }: Refund): ProviderRefund {
  return {
    ref: id,
    // One made by hand may show the payment's own text there.
    refundId: uuid.test(custom_id ?? '') ? (custom_id ?? null) : null,
    amount: amount.amount,
    currency: amount.currency,
    state: refundState(status),
    detail: status_details?.reason ?? (status === 'COMPLETED' ? null : status),
  };
}

/** An unknown status counts as gone until PayPal says otherwise. */
export function refundState(status: string): ProviderRefund['state'] {
  if (status === 'COMPLETED') return 'done';
  return status === 'FAILED' || status === 'CANCELLED' ? 'failed' : 'pending';
}

/**
 * PayPal shows a reversal as a record among the refunds. Should a capture say REVERSED while its records
 * and disputes do not explain all of its money, the rest is gone too: reported as a closed dispute, and
 * always under the same ref, so that a later look can lower it.
 */
function reversalOf(
  capture: Capture | undefined,
  refunds: ProviderRefund[],
  disputes: ProviderDispute[],
): ProviderDispute[] {
  if (capture?.status !== 'REVERSED') return [];
  const returned = refunds.filter(({ state }) => state !== 'failed').map(({ amount }) => amount);
  const withdrawn = disputes.map((dispute) => dispute.withdrawn);
  const explained = [...returned, ...withdrawn].reduce((total, amount) => total + amount, 0);
  const { amount, currency } = capture.amount;
  return [
    {
      ref: `reversal-${capture.id}`,
      state: 'closed',
      withdrawn: Math.max(0, amount - explained),
      amount,
      currency,
      reason: capture.status_details?.reason ?? 'REVERSED',
      outcome: null,
    },
  ];
}
