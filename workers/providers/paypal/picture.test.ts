// From what PayPal shows to what we believe: every state, and every way in which money left again.
import { expect, test } from 'vitest';
import { type Capture, type Dispute, dispute as disputeForm, type Order, type Refund } from './answers.ts';
import { paint } from './picture.ts';

const purchaseId = '0199a0de-1111-7abc-8def-000000000001';
const usd = (amount: number) => ({ amount, currency: 'usd' });
const money = (value: string, currency_code = 'USD') => ({ currency_code, value });

const orderIn = (status: string): Order => ({
  id: 'ORDER1',
  status,
  links: [],
  purchase_units: [
    { amount: usd(1000), custom_id: `acme:${purchaseId}`, payments: { captures: [], refunds: [] } },
  ],
});
const captureIn = (status: string, changes: Partial<Capture> = {}): Capture => ({
  id: 'CAP1',
  status,
  amount: usd(1000),
  links: [],
  ...changes,
});
const refundOf = (amount: number, changes: Partial<Refund> = {}): Refund => ({
  id: 'REF1',
  status: 'COMPLETED',
  amount: usd(amount),
  links: [],
  ...changes,
});
const disputeOf = (changes: object): Dispute =>
  disputeForm.parse({
    dispute_id: 'PP-D-1',
    status: 'OPEN',
    dispute_life_cycle_stage: 'CHARGEBACK',
    reason: 'UNAUTHORISED',
    dispute_amount: money('10.00'),
    disputed_transactions: [{ seller_transaction_id: 'CAP1', gross_amount: money('10.00') }],
    ...changes,
  });
const moved = (type: 'DEBIT' | 'CREDIT', value: string, changes: object = {}) => ({
  affected_party: 'SELLER',
  type,
  reason: 'DISPUTE_SETTLEMENT',
  initiated_time: '2026-03-01T12:00:00.500Z',
  amount: money(value),
  ...changes,
});

const see = (status: string, captures: Capture[] = [], refunds: Refund[] = [], disputes: Dispute[] = []) =>
  paint({ order: orderIn(status), captures, refunds, disputes });
const paid = (refunds: Refund[], disputes: Dispute[] = [], status = 'COMPLETED') =>
  see('COMPLETED', [captureIn(status)], refunds, disputes);

test.each([
  ['CREATED', undefined, 'open'],
  ['SAVED', undefined, 'open'],
  ['PAYER_ACTION_REQUIRED', undefined, 'open'],
  ['SOMETHING_NEW', undefined, 'open'],
  ['APPROVED', undefined, 'approved'],
  ['VOIDED', undefined, 'expired'],
  ['COMPLETED', undefined, 'processing'],
  ['COMPLETED', 'COMPLETED', 'paid'],
  ['COMPLETED', 'PARTIALLY_REFUNDED', 'paid'],
  ['COMPLETED', 'REFUNDED', 'paid'],
  ['COMPLETED', 'REVERSED', 'paid'],
  ['COMPLETED', 'PENDING', 'processing'],
  ['COMPLETED', 'SOMETHING_NEW', 'processing'],
  ['COMPLETED', 'DENIED', 'failed'],
  ['COMPLETED', 'DECLINED', 'failed'],
  ['COMPLETED', 'FAILED', 'failed'],
  ['APPROVED', 'DECLINED', 'approved'],
  ['PAYER_ACTION_REQUIRED', 'DECLINED', 'open'],
  ['VOIDED', 'COMPLETED', 'paid'],
] as const)('an order %s with a capture %s is %s', (status, captureStatus, state) => {
  expect(see(status, captureStatus ? [captureIn(captureStatus)] : []).state).toBe(state);
});

test('a payment names its order, capture, tenant, purchase and the money that came', () => {
  const payment = see('COMPLETED', [captureIn('COMPLETED', { amount: usd(999) })]);
  expect(payment).toMatchObject({ checkoutRef: 'ORDER1', paymentRef: 'CAP1', tenant: 'acme', purchaseId });
  expect(payment).toMatchObject({ amount: 999, currency: 'usd', fault: null, warning: null });
});

test('an order that nobody paid names no payment, and the money it asks for', () => {
  expect(see('CREATED')).toMatchObject({ paymentRef: null, amount: 1000 });
  expect(see('COMPLETED', [captureIn('DECLINED')])).toMatchObject({ paymentRef: null, state: 'failed' });
});

test.each([undefined, '', 'no-colon', 'shop:4711', `ACME SHOP:${purchaseId}`, `acme:${purchaseId}:2`])(
  'of another text (%s) there is no tenant or purchase',
  (custom_id) => {
    const order = orderIn('CREATED');
    order.purchase_units[0]!.custom_id = custom_id;
    const payment = paint({ order, captures: [], refunds: [], disputes: [] });
    expect(payment).toMatchObject({ tenant: null, purchaseId: null });
  },
);

test('after a declined attempt the one that brought money counts, and two of those are a fault', () => {
  const declined = captureIn('DECLINED', { id: 'CAP0' });
  const both = [captureIn('COMPLETED'), captureIn('COMPLETED', { id: 'CAP2' })];
  expect(see('COMPLETED', [declined, captureIn('COMPLETED')])).toMatchObject({
    paymentRef: 'CAP1',
    fault: null,
  });
  expect(see('COMPLETED', [captureIn('COMPLETED'), declined])).toMatchObject({ paymentRef: 'CAP1' });
  expect(see('COMPLETED', both).fault).toContain('more than once');
});

test('a payment under review carries a warning, one that only waits for the bank does not', () => {
  const pending = (reason: string) =>
    see('COMPLETED', [captureIn('PENDING', { status_details: { reason } })]);
  expect(pending('PENDING_REVIEW')).toMatchObject({ state: 'processing', warning: 'PENDING_REVIEW' });
  expect(pending('ECHECK')).toMatchObject({ state: 'processing', warning: null, detail: 'ECHECK' });
});

test.each([
  ['COMPLETED', 'done'],
  ['PENDING', 'pending'],
  ['FAILED', 'failed'],
  ['CANCELLED', 'failed'],
  ['SOMETHING_NEW', 'pending'],
])('a refund %s is %s', (status, state) => {
  expect(paid([refundOf(300, { status })]).refunds).toMatchObject([{ ref: 'REF1', amount: 300, state }]);
});

test('a refund is ours by its own id only: one made by hand may show the text of the payment', () => {
  const ids = [purchaseId, `acme:${purchaseId}`, undefined].map(
    (custom_id) => paid([refundOf(300, { custom_id })]).refunds[0]?.refundId,
  );
  expect(ids).toEqual([purchaseId, null, null]);
});

const disputeSeen = (changes: object, refunds: Refund[] = []) =>
  paid(refunds, [disputeOf(changes)]).disputes[0];

test.each([
  ['OPEN', 'INQUIRY', 'inquiry'],
  ['WAITING_FOR_SELLER_RESPONSE', 'CHARGEBACK', 'open'],
  ['UNDER_REVIEW', 'PRE_ARBITRATION', 'open'],
  ['OTHER', 'ARBITRATION', 'open'],
  ['OPEN', undefined, 'open'],
  ['RESOLVED', 'INQUIRY', 'closed'],
  ['RESOLVED', 'CHARGEBACK', 'closed'],
])('a dispute %s in %s is %s', (status, dispute_life_cycle_stage, state) => {
  expect(disputeSeen({ status, dispute_life_cycle_stage })?.state).toBe(state);
});

test.each<[string, object[], number]>([
  ['no movement', [], 0],
  ['a debit', [moved('DEBIT', '10.00')], 1000],
  ['a debit in part', [moved('DEBIT', '4.00')], 400],
  ['a debit and its return', [moved('DEBIT', '10.00'), moved('CREDIT', '10.00')], 0],
  ['a return in part', [moved('DEBIT', '10.00'), moved('CREDIT', '3.50')], 650],
  ['more returned than taken', [moved('DEBIT', '1.00'), moved('CREDIT', '2.00')], 0],
  ['fees', [moved('DEBIT', '15.00', { reason: 'CHARGEBACK_FEE' })], 0],
  [
    'a settlement fee',
    [moved('DEBIT', '10.00'), moved('DEBIT', '1.00', { reason: 'DISPUTE_SETTLEMENT_FEE' })],
    1000,
  ],
  [
    "the buyer's and PayPal's money",
    [
      moved('CREDIT', '10.00', { affected_party: 'BUYER' }),
      moved('DEBIT', '10.00', { affected_party: 'PAYMENT_PROCESSOR' }),
    ],
    0,
  ],
  ['money in another currency', [moved('DEBIT', '9.20', { amount: money('9.20', 'EUR') })], 1000],
  [
    'a party under its newer name',
    [moved('DEBIT', '10.00', { affected_party: undefined, party: 'SELLER' })],
    1000,
  ],
])('of a dispute with %s, what the seller lost is withdrawn', (_what, money_movements, withdrawn) => {
  expect(disputeSeen({ money_movements })?.withdrawn).toBe(withdrawn);
  expect(disputeSeen({ fund_movements: money_movements })?.withdrawn).toBe(withdrawn);
});

test('money decides, never the outcome: a lost dispute that PayPal pays withdraws nothing', () => {
  const outcome = (outcome_code: string, money_movements: object[]) =>
    disputeSeen({ status: 'RESOLVED', dispute_outcome: { outcome_code }, money_movements });
  expect(outcome('RESOLVED_BUYER_FAVOUR', [])).toMatchObject({
    withdrawn: 0,
    outcome: 'RESOLVED_BUYER_FAVOUR',
  });
  expect(outcome('RESOLVED_WITH_PAYOUT', [])?.withdrawn).toBe(0);
  expect(outcome('RESOLVED_SELLER_FAVOUR', [moved('DEBIT', '10.00')])?.withdrawn).toBe(1000);
});

test('the money of a dispute over several payments is split by their size, and the parts make the sum', () => {
  const sizes = { CAP1: 1000, CAP2: 1000, CAP3: 999 };
  const disputed_transactions = Object.entries(sizes).map(([seller_transaction_id, size]) => ({
    seller_transaction_id,
    gross_amount: money((size / 100).toFixed(2)),
  }));
  const parts = Object.entries(sizes).map(([id, size]) => {
    const shown = disputeOf({
      disputed_transactions,
      dispute_amount: money('29.99'),
      money_movements: [moved('DEBIT', '10.01')],
    });
    const capture = captureIn('COMPLETED', { id, amount: usd(size) });
    return see('COMPLETED', [capture], [], [shown]).disputes[0];
  });
  const total = (of: 'withdrawn' | 'amount') => parts.reduce((all, each) => all + (each?.[of] ?? 0), 0);
  expect(total('withdrawn')).toBe(1001);
  expect(parts.map((each) => each?.amount)).toEqual([1000, 1000, 999]);
  for (const each of parts) expect(each?.withdrawn).toBeGreaterThan(330);
});

test('a dispute over several payments of unknown size is split evenly', () => {
  const disputed_transactions = ['CAP1', 'CAP2'].map((seller_transaction_id) => ({ seller_transaction_id }));
  const money_movements = [moved('DEBIT', '5.00')];
  expect(disputeSeen({ disputed_transactions, money_movements })?.withdrawn).toBe(250);
});

const reversal = (amount: number, create_time = '2026-03-01T12:00:00Z') =>
  refundOf(amount, { note_to_payer: 'Payment reversed', create_time });

test('money that is shown as a movement and as a reversal left once', () => {
  const money_movements = [moved('DEBIT', '4.00')];
  expect(disputeSeen({ money_movements }, [reversal(400)])?.withdrawn).toBe(0);
  expect(disputeSeen({ money_movements }, [reversal(500)])?.withdrawn).toBe(400);
  expect(disputeSeen({ money_movements }, [reversal(400, '2026-02-01T12:00:00Z')])?.withdrawn).toBe(400);
  expect(disputeSeen({ money_movements }, [refundOf(400)])?.withdrawn).toBe(400);
});

test('one reversal explains one movement, not those of two disputes', () => {
  const money_movements = [moved('DEBIT', '4.00')];
  const both = [disputeOf({ money_movements }), disputeOf({ dispute_id: 'PP-D-2', money_movements })];
  const { disputes, refunds } = paid([reversal(400)], both);
  expect(disputes.map(({ withdrawn }) => withdrawn)).toEqual([0, 400]);
  expect(refunds).toHaveLength(1);
});

test('of a reversed capture, what neither refunds nor disputes explain is withdrawn', () => {
  const reversed = (refunds: Refund[], disputes: Dispute[] = []) =>
    paid(refunds, disputes, 'REVERSED').disputes;
  expect(reversed([])).toMatchObject([{ ref: 'reversal-CAP1', state: 'closed', withdrawn: 1000 }]);
  expect(reversed([refundOf(300)])).toMatchObject([{ withdrawn: 700 }]);
  expect(reversed([refundOf(300, { status: 'FAILED' })])).toMatchObject([{ withdrawn: 1000 }]);
  expect(reversed([refundOf(1000)])).toMatchObject([{ ref: 'reversal-CAP1', withdrawn: 0 }]);
  const dispute = disputeOf({ money_movements: [moved('DEBIT', '10.00')] });
  expect(reversed([], [dispute])).toMatchObject([{ withdrawn: 1000 }, { withdrawn: 0 }]);
});
