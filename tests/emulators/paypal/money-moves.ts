// What happens to money: captured, pending, refunded, reversed. Each move is booked, shown and announced once.
import { fromMinor } from './money.ts';
import { captureStatus, viewCapture, viewOrder, viewRefund } from './views.ts';
import {
  type Account,
  type Capture,
  newId,
  type Order,
  type Refund,
  type Transaction,
  type World,
} from './world.ts';

/** PayPal's fee for a payment: 3.49 % and 0.49, never more than the payment. */
function feeOf(amount: number): number {
  return Math.min(amount, Math.round((amount * 349) / 10_000) + 49);
}

const spoken = (amount: number, currency: string) => {
  const { value } = fromMinor(amount, currency);
  return `${currency === 'USD' ? '$' : currency} ${value} ${currency}`;
};

export function announceOrder(world: World, order: Order, type: string, summary: string): void {
  world.emit(order.account, {
    type,
    resourceType: 'checkout-order',
    resourceVersion: '2.0',
    summary,
    resource: viewOrder(world, order),
    about: order.id,
  });
}

function announceCapture(world: World, capture: Capture, type: string, words: string): void {
  const { account, currency } = capture.order;
  world.emit(account, {
    type,
    resourceType: 'capture',
    resourceVersion: '2.0',
    summary: `Payment ${words} for ${spoken(capture.amount, currency)}`,
    resource: viewCapture(world, capture),
    about: capture.id,
  });
}

function announceRefund(world: World, refund: Refund, type: string, words: string): void {
  const { account, currency } = refund.capture.order;
  world.emit(account, {
    type,
    resourceType: 'refund',
    resourceVersion: '2.0',
    summary: `A ${spoken(refund.amount, currency)} capture payment was ${words}`,
    resource: viewRefund(world, refund),
    about: refund.id,
  });
}

export function book(account: Account, transaction: Transaction): void {
  account.transactions.push(transaction);
}

/** Carries out what the payer's approval planned. The order is COMPLETED whatever became of the money. */
export function captureMoney(world: World, order: Order): Capture {
  const { account, amount, currency, plan } = order;
  const now = new Date();
  const capture: Capture = {
    id: newId(),
    order,
    outcome: plan === 'pending' ? 'PENDING' : plan === 'declined' ? 'DECLINED' : 'COMPLETED',
    reason: plan === 'pending' ? order.pendingReason : undefined,
    amount,
    fee: feeOf(amount),
    refunds: [],
    refundPlan: 'completed',
    createdAt: now,
    updatedAt: now,
  };
  order.captures.push(capture);
  order.status = 'COMPLETED';
  order.updatedAt = now;
  account.captures.set(capture.id, capture);
  book(account, {
    id: capture.id,
    referenceId: order.id,
    referenceType: 'ODR',
    code: 'T0006',
    amount,
    fee: -capture.fee,
    currency,
    status: () => paymentStatus(capture),
    customId: order.customId,
    invoiceId: order.invoiceId,
    at: now,
  });
  announceOutcome(world, capture);
  return capture;
}

function paymentStatus(capture: Capture): 'S' | 'P' | 'D' | 'V' {
  if (capture.outcome === 'PENDING') return 'P';
  if (capture.outcome !== 'COMPLETED') return 'D';
  const reversed = capture.refunds.some(({ kind }) => kind === 'reversal');
  return reversed && captureStatus(capture) === 'REFUNDED' ? 'V' : 'S';
}

function announceOutcome(world: World, capture: Capture): void {
  if (capture.outcome === 'COMPLETED') {
    announceCapture(world, capture, 'PAYMENT.CAPTURE.COMPLETED', 'completed');
  } else if (capture.outcome === 'PENDING') {
    announceCapture(world, capture, 'PAYMENT.CAPTURE.PENDING', 'pending');
  } else announceCapture(world, capture, 'PAYMENT.CAPTURE.DECLINED', 'declined');
}

/** A pending capture gets its money, or is denied it. */
export function settleCapture(world: World, capture: Capture, outcome: 'COMPLETED' | 'DECLINED'): void {
  if (capture.outcome !== 'PENDING') throw new Error(`capture ${capture.id} is ${capture.outcome}`);
  capture.outcome = outcome;
  capture.reason = undefined;
  capture.updatedAt = new Date();
  if (outcome === 'COMPLETED') announceOutcome(world, capture);
  else announceCapture(world, capture, 'PAYMENT.CAPTURE.DENIED', 'denied');
}

export interface RefundDetails {
  /** Minor units. */
  amount: number;
  customId?: string;
  invoiceId?: string;
  note?: string;
}

function addRefund(capture: Capture, kind: Refund['kind'], code: string, details: RefundDetails): Refund {
  const { order } = capture;
  const now = new Date();
  const refund: Refund = {
    id: newId(),
    capture,
    kind,
    status: 'COMPLETED',
    amount: details.amount,
    customId: details.customId,
    invoiceId: details.invoiceId,
    note: details.note,
    createdAt: now,
    updatedAt: now,
  };
  capture.refunds.push(refund);
  order.account.refunds.set(refund.id, refund);
  book(order.account, {
    id: refund.id,
    referenceId: capture.id,
    referenceType: 'TXN',
    code,
    amount: -details.amount,
    fee: 0,
    currency: order.currency,
    status: () => (refund.status === 'COMPLETED' ? 'S' : refund.status === 'PENDING' ? 'P' : 'D'),
    // Reporting shows the payment's own field where the refund was given none.
    customId: details.customId ?? order.customId,
    invoiceId: details.invoiceId,
    at: now,
  });
  return refund;
}

/** A refund by the merchant, through the API or by hand; it becomes what the capture's plan says. */
export function refundMoney(world: World, capture: Capture, details: RefundDetails): Refund {
  const refund = addRefund(capture, 'refund', 'T1107', details);
  const plan = capture.refundPlan;
  capture.refundPlan = 'completed';
  setRefund(world, refund, plan === 'completed' ? 'COMPLETED' : plan === 'pending' ? 'PENDING' : 'FAILED');
  return refund;
}

/** Sets and announces a refund's status. PayPal has no event for a cancelled one: it is only found by asking. */
export function setRefund(world: World, refund: Refund, status: Refund['status']): void {
  refund.status = status;
  refund.updatedAt = new Date();
  refund.capture.updatedAt = refund.updatedAt;
  if (status === 'COMPLETED') announceRefund(world, refund, 'PAYMENT.CAPTURE.REFUNDED', 'refunded');
  if (status === 'PENDING') announceRefund(world, refund, 'PAYMENT.REFUND.PENDING', 'asked to be refunded');
  if (status === 'FAILED') announceRefund(world, refund, 'PAYMENT.REFUND.FAILED', 'not refunded');
}

/** Money taken back by PayPal (T1106) or by the payer's bank (T1201): the event carries a refund's form. */
export function reverseMoney(
  world: World,
  capture: Capture,
  amount: number,
  reason: 'CHARGEBACK' | 'BUYER_COMPLAINT',
): Refund {
  const code = reason === 'CHARGEBACK' ? 'T1201' : 'T1106';
  const reversal = addRefund(capture, 'reversal', code, { amount, note: 'Payment reversed' });
  capture.reason = reason;
  capture.updatedAt = reversal.createdAt;
  announceRefund(world, reversal, 'PAYMENT.CAPTURE.REVERSED', 'reversed');
  return reversal;
}
