// What PayPal, banks and the merchant do of their own accord: the moves that no call of ours asked for.
import { type BankDisputes, createBankDisputes } from './bank-disputes.ts';
import { refundMoney, reverseMoney, setRefund, settleCapture } from './money-moves.ts';
import { refundableOf } from './refunds.ts';
import { type Capture, mustFind, type Refund, type World } from './world.ts';

export interface BankActions extends BankDisputes {
  capturePendingCompletes(captureId: string): void;
  capturePendingDenied(captureId: string): void;
  /** What becomes of the next refund of this capture. */
  nextRefund(captureId: string, outcome: Capture['refundPlan']): void;
  /** In PayPal's web pages: nothing of ours is on the refund. Minor units; all that is left when left out. */
  merchantRefundsByHand(captureId: string, amount?: number): string;
  refundCompletes(refundId: string): void;
  refundFails(refundId: string): void;
  refundCancelled(refundId: string): void;
  /** Taken back with no refund asked for. Minor units; all that is left when left out. Gives the reversal's id. */
  captureReversed(captureId: string, amount?: number, reason?: 'CHARGEBACK' | 'BUYER_COMPLAINT'): string;
  /** The payer's approval is taken back before we captured. */
  approvalReversed(orderId: string): void;
  /** PayPal forgets the order: it answers 404 from now on. */
  orderExpires(orderId: string): void;
}

export function createBankActions(world: World): BankActions {
  const capture = (id: string) => mustFind(world, 'captures', id);
  const turnRefund = (id: string, status: Refund['status']) =>
    setRefund(world, mustFind(world, 'refunds', id), status);
  return {
    ...createBankDisputes(world),
    capturePendingCompletes: (id) => settleCapture(world, capture(id), 'COMPLETED'),
    capturePendingDenied: (id) => settleCapture(world, capture(id), 'DECLINED'),
    nextRefund(id, outcome) {
      capture(id).refundPlan = outcome;
    },
    merchantRefundsByHand(id, amount) {
      const found = capture(id);
      return refundMoney(world, found, { amount: withinRest(found, amount) }).id;
    },
    refundCompletes: (id) => turnRefund(id, 'COMPLETED'),
    refundFails: (id) => turnRefund(id, 'FAILED'),
    refundCancelled: (id) => turnRefund(id, 'CANCELLED'),
    captureReversed(id, amount, reason = 'CHARGEBACK') {
      const found = capture(id);
      return reverseMoney(world, found, withinRest(found, amount), reason).id;
    },
    approvalReversed(id) {
      const order = mustFind(world, 'orders', id);
      if (order.status !== 'APPROVED') throw new Error(`order ${id} is ${order.status}`);
      order.status = 'VOIDED';
      order.updatedAt = new Date();
      const { referenceId: reference_id, customId: custom_id, invoiceId: invoice_id } = order;
      world.emit(order.account, {
        type: 'CHECKOUT.PAYMENT-APPROVAL.REVERSED',
        resourceType: 'checkout-order',
        summary: 'A payment has been reversed after approval.',
        resource: {
          order_id: order.id,
          purchase_units: [{ reference_id, custom_id, invoice_id }],
          payment_source: { paypal: {} },
        },
        about: order.id,
      });
    },
    orderExpires(id) {
      mustFind(world, 'orders', id).expired = true;
    },
  };
}

function withinRest(capture: Capture, amount = refundableOf(capture)): number {
  const left = refundableOf(capture);
  if (capture.outcome !== 'COMPLETED' || amount < 1 || amount > left) {
    throw new Error(`capture ${capture.id} is ${capture.outcome} and has ${left} left, not ${amount}`);
  }
  return amount;
}
