// Payments v2: captures are shown and refunded, in part and whole, within what is left of them.
import { faultOf, type Money, toMinor } from './money.ts';
import { refundMoney } from './money-moves.ts';
import { wantsRepresentation } from './orders.ts';
import { type Call, type Reply, refuseIssue, refuseUnknown } from './reply.ts';
import type { Deed } from './request-ids.ts';
import { refundedOf, viewCapture, viewRefund, viewRefundBriefly } from './views.ts';
import type { Capture } from './world.ts';

interface RefundRequest {
  amount?: Money;
  custom_id?: string;
  invoice_id?: string;
  note_to_payer?: string;
}

export function getCapture({ world, account, id }: Call): Reply {
  const capture = account.captures.get(id);
  return capture === undefined ? refuseUnknown() : { status: 200, body: viewCapture(world, capture) };
}

export function getRefund({ world, account, id }: Call): Reply {
  const refund = account.refunds.get(id);
  return refund === undefined ? refuseUnknown() : { status: 200, body: viewRefund(world, refund) };
}

/** What may still be refunded, in minor units: pending refunds count as gone, failed and cancelled do not. */
export function refundableOf(capture: Capture): number {
  const { done, underWay } = refundedOf(capture);
  return capture.amount - done - underWay;
}

export function refundCapture(call: Call): Deed {
  const capture = call.account.captures.get(call.id);
  if (capture === undefined) return { reply: refuseUnknown(), again: undefined };
  const wanted = call.json as RefundRequest;
  const refusal = refuseRefund(capture, wanted);
  if (refusal !== undefined) return { reply: refusal, again: undefined };
  const refund = refundMoney(call.world, capture, {
    amount: wanted.amount === undefined ? refundableOf(capture) : toMinor(wanted.amount),
    customId: wanted.custom_id,
    invoiceId: wanted.invoice_id,
    note: wanted.note_to_payer,
  });
  const view = wantsRepresentation(call) ? viewRefund : viewRefundBriefly;
  // Unlike Orders, Payments v2 answers a repeated call with 201 too (PayPal's guide to idempotency).
  const reply = (): Reply => ({ status: 201, body: view(call.world, refund) });
  return { reply: reply(), again: reply };
}

function refuseRefund(capture: Capture, { amount, invoice_id: invoiceId }: RefundRequest): Reply | undefined {
  const at = { field: '/amount/value', value: amount?.value, location: 'body' as const };
  if (amount !== undefined) {
    const fault = faultOf(amount);
    if (fault !== undefined) return refuseIssue(fault, at);
    if (amount.currency_code !== capture.order.currency) {
      return refuseIssue('REFUND_CAPTURE_CURRENCY_MISMATCH');
    }
  }
  if (capture.outcome === 'PENDING') return refuseIssue('PENDING_CAPTURE');
  if (capture.outcome !== 'COMPLETED') return refuseIssue('REFUND_NOT_ALLOWED');
  const left = refundableOf(capture);
  if (left <= 0) return refuseIssue('CAPTURE_FULLY_REFUNDED');
  const wanted = amount === undefined ? left : toMinor(amount);
  if (wanted > left) return refuseIssue('REFUND_AMOUNT_EXCEEDED', at);
  return refuseDisputed(capture, wanted) ?? refuseInvoice(capture, invoiceId);
}

/** A chargeback at the bank allows no refund; a case at PayPal allows a whole one only. */
function refuseDisputed(capture: Capture, wanted: number): Reply | undefined {
  const open = [...capture.order.account.disputes.values()].filter(
    ({ captures, status }) => captures.includes(capture) && status !== 'RESOLVED',
  );
  if (open.some(({ channel }) => channel === 'EXTERNAL')) {
    return refuseIssue('REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK');
  }
  return open.length > 0 && wanted < capture.amount ? refuseIssue('TRANSACTION_DISPUTED') : undefined;
}

function refuseInvoice(capture: Capture, invoiceId: string | undefined): Reply | undefined {
  if (invoiceId === undefined) return undefined;
  const used = [...capture.order.account.refunds.values()].some((refund) => refund.invoiceId === invoiceId);
  return used ? refuseIssue('DUPLICATE_INVOICE_ID') : undefined;
}
