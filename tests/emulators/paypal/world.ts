// What the emulated PayPal knows: accounts, and the orders, captures, refunds and disputes of each.
import { capitalsAndDigits, randomText } from '../kit/random-text.ts';
import type { Money } from './money.ts';

export interface PaypalAccountOptions {
  clientId: string;
  clientSecret: string;
  /** Letters and digits, as PayPal's are. */
  webhookId: string;
  /** Empty: nothing is delivered. */
  webhookUrl: string;
}

export interface Account extends PaypalAccountOptions {
  merchantId: string;
  email: string;
  /** Access token to the moment it ends, in ms. */
  tokens: Map<string, number>;
  orders: Map<string, Order>;
  captures: Map<string, Capture>;
  refunds: Map<string, Refund>;
  disputes: Map<string, Dispute>;
  /** Money movements as the reporting API lists them. */
  transactions: Transaction[];
  /** Raw webhook bodies by id, in the order of their making. */
  events: Map<string, { type: string; createdAt: Date; about: string; body: string }>;
}

export interface Payer {
  payerId: string;
  email: string;
  givenName: string;
  surname: string;
  countryCode: string;
}

/** What becomes of the capture call that follows an approval. */
export type CapturePlan = 'completed' | 'pending' | 'declined' | 'instrument_declined';

export interface Order {
  id: string;
  account: Account;
  status: 'CREATED' | 'PAYER_ACTION_REQUIRED' | 'APPROVED' | 'VOIDED' | 'COMPLETED';
  /** PayPal forgets orders that nobody completed: then it answers 404. */
  expired: boolean;
  /** The status it was made with, and returns to when an instrument is declined. */
  waiting: 'CREATED' | 'PAYER_ACTION_REQUIRED';
  amount: number;
  currency: string;
  referenceId: string;
  customId: string | undefined;
  invoiceId: string | undefined;
  description: string | undefined;
  returnUrl: string | undefined;
  cancelUrl: string | undefined;
  payer: Payer | undefined;
  plan: CapturePlan;
  pendingReason: string;
  captures: Capture[];
  createdAt: Date;
  updatedAt: Date;
}

export interface Capture {
  id: string;
  order: Order;
  /** Of the money as it came in; refunds show on top of it in the representation. */
  outcome: 'COMPLETED' | 'PENDING' | 'DECLINED';
  reason: string | undefined;
  amount: number;
  fee: number;
  refunds: Refund[];
  /** What becomes of the next refund asked for. */
  refundPlan: 'completed' | 'pending' | 'failed';
  createdAt: Date;
  updatedAt: Date;
}

export interface Refund {
  id: string;
  capture: Capture;
  /** A reversal is taken by PayPal or the bank, and has the shape of a refund. */
  kind: 'refund' | 'reversal';
  status: 'COMPLETED' | 'PENDING' | 'FAILED' | 'CANCELLED';
  amount: number;
  customId: string | undefined;
  invoiceId: string | undefined;
  note: string | undefined;
  createdAt: Date;
  updatedAt: Date;
}

export interface MoneyMovement {
  affected_party: 'SELLER' | 'BUYER' | 'PAYMENT_PROCESSOR';
  amount: Money;
  initiated_time: string;
  type: 'DEBIT' | 'CREDIT';
  reason: 'DISPUTE_SETTLEMENT_FEE' | 'DISPUTE_SETTLEMENT' | 'DISPUTE_FEE' | 'CHARGEBACK_FEE';
}

export interface Dispute {
  id: string;
  account: Account;
  captures: Capture[];
  reason: string;
  status:
    | 'OPEN'
    | 'WAITING_FOR_BUYER_RESPONSE'
    | 'WAITING_FOR_SELLER_RESPONSE'
    | 'UNDER_REVIEW'
    | 'RESOLVED'
    | 'OTHER';
  stage: 'INQUIRY' | 'CHARGEBACK' | 'PRE_ARBITRATION' | 'ARBITRATION';
  channel: 'INTERNAL' | 'EXTERNAL' | 'ALERT';
  amount: number;
  currency: string;
  outcome: { outcome_code: string; amount_refunded?: Money } | undefined;
  movements: MoneyMovement[];
  createdAt: Date;
  updatedAt: Date;
}

export interface Transaction {
  id: string;
  /** The capture of a refund, the order of a payment. */
  referenceId: string;
  referenceType: 'ODR' | 'TXN';
  /** T0006 payment, T1107 refund, T1106 and T1201 reversals… */
  code: string;
  /** Signed, seen from the merchant. */
  amount: number;
  fee: number;
  currency: string;
  status: () => 'S' | 'P' | 'D' | 'V';
  customId: string | undefined;
  invoiceId: string | undefined;
  at: Date;
}

/** How lenient or hard PayPal is, where its documents leave that open. */
export interface PaypalBehaviour {
  /** A second call with a request id still at work fails with 409, instead of waiting for the first. */
  failSimultaneous: boolean;
  /** A refusal (4xx) is kept under its request id too, instead of the call being tried anew. */
  keepRefusals: boolean;
  /** Reporting shows a movement only so much later; PayPal says up to three hours. */
  reportingLagMs: number;
}

export interface World {
  /** Where the emulator listens, for the links in its answers. */
  base: string;
  accounts: Map<string, Account>;
  behaviour: PaypalBehaviour;
  complaints: string[];
  emit(account: Account, event: EventContent): void;
}

export interface EventContent {
  type: string;
  resourceType: string;
  resourceVersion?: '2.0';
  summary: string;
  resource: Record<string, unknown>;
  /** The id that the webhook event list finds it by. */
  about: string;
}

/** Orders, captures and refunds have ids of this form. */
export function newId(): string {
  return randomText(17, capitalsAndDigits);
}

/** Merchants and payers: neither 0 and 1, nor I and O (PayPal's specification, `account_id`). */
export function newAccountId(): string {
  return randomText(13, 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789');
}

/** As Orders and Payments write times: to the second. */
export function toStamp(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}

/** An object by id among all accounts; throws, because only a test's mistake asks for one that is not there. */
export function mustFind<K extends 'orders' | 'captures' | 'refunds' | 'disputes'>(
  world: World,
  kind: K,
  id: string,
): Account[K] extends Map<string, infer T> ? T : never {
  for (const account of world.accounts.values()) {
    const found = account[kind].get(id);
    if (found !== undefined) return found as never;
  }
  throw new Error(`the emulator has no ${id} among its ${kind}`);
}
