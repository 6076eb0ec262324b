// Everything the emulated Stripe knows: accounts that never see each other, each with its objects and events.
import type Stripe from 'stripe';
import { randomText } from '../kit/random-text.ts';

export const stripeApiVersion = '2026-10-28.endive';

export interface StripeAccountOptions {
  /** sk_… or rk_…; the account is found by it. */
  secretKey: string;
  webhookSecret: string;
  webhookUrl: string;
  /** Left out, the key says it. */
  livemode?: boolean;
  /** A merchant whose balance is in another currency: balance transactions then speak of that one. */
  settlement?: { currency: string; rate: number };
}

/** How a payer's card behaves once money is to go back to it. */
export type CardKind = 'ok' | 'refunds_pending' | 'refunds_fail';

/** What becomes of a stored method's charges: paid, slow (as a bank debit is), or refused. */
export type OffSessionKind = 'ok' | 'processing' | 'card_declined' | 'authentication_required';

/** What the session was asked to put on the intent that its payer will make. */
export interface IntentPlan {
  metadata: Record<string, string>;
  description: string | null;
  receiptEmail: string | null;
  statementDescriptor: string | null;
  /** The payer's method is to be kept on the customer. */
  setupFutureUsage: 'off_session' | null;
}

export interface StripeAccount extends StripeAccountOptions {
  id: string;
  livemode: boolean;
  sessions: Map<string, Stripe.Checkout.Session>;
  lineItems: Map<string, Stripe.LineItem[]>;
  intentPlans: Map<string, IntentPlan>;
  intents: Map<string, Stripe.PaymentIntent>;
  customers: Map<string, Stripe.Customer>;
  methods: Map<string, Stripe.PaymentMethod>;
  /** How a stored method behaves once it is charged without its holder. */
  offSession: Map<string, OffSessionKind>;
  charges: Map<string, Stripe.Charge>;
  cards: Map<string, CardKind>;
  refunds: Map<string, Stripe.Refund>;
  disputes: Map<string, Stripe.Dispute>;
  balance: Map<string, Stripe.BalanceTransaction>;
  warnings: Map<string, Stripe.Radar.EarlyFraudWarning>;
  reviews: Map<string, Stripe.Review>;
  events: Map<string, Stripe.Event>;
}

export interface StripeWorld {
  /** Of the server; hosted pages are below it. */
  url: string;
  accounts: Map<string, StripeAccount>;
  /** Unix seconds. */
  now(): number;
  /** The API call that is being served, for the events it causes. */
  cause: { id: string; idempotency_key: string | null } | undefined;
  emit(account: StripeAccount, type: Stripe.Event.Type, object: object, previous?: object): void;
}

export function createAccount(options: StripeAccountOptions): StripeAccount {
  return {
    ...options,
    id: newId('acct_1', 16),
    livemode: options.livemode ?? /^[sr]k_live_/.test(options.secretKey),
    sessions: new Map(),
    lineItems: new Map(),
    intentPlans: new Map(),
    intents: new Map(),
    customers: new Map(),
    methods: new Map(),
    offSession: new Map(),
    charges: new Map(),
    cards: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    balance: new Map(),
    warnings: new Map(),
    reviews: new Map(),
    events: new Map(),
  };
}

export function newId(prefix: string, length = 23): string {
  return prefix + randomText(length);
}

/** The account that holds an object, whichever map it is in; throws for an id that nobody has. */
export function accountHolding(world: StripeWorld, id: string): StripeAccount {
  for (const account of world.accounts.values()) {
    if (findObject(account, id) !== undefined) return account;
  }
  throw new Error(`no account has ${id}`);
}

/** Any object of one account by id. */
export function findObject(account: StripeAccount, id: string): object | undefined {
  const { sessions, intents, customers, methods, charges, refunds, disputes } = account;
  const { balance, warnings, reviews } = account;
  const money = [charges, refunds, disputes, balance, warnings, reviews];
  for (const store of [sessions, intents, customers, methods, ...money]) {
    const found: object | undefined = store.get(id);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** For what a script names: a wrong id there is a fault of the test. */
export function mustGet<T>(store: Map<string, T>, id: string): T {
  const found = store.get(id);
  if (found === undefined) throw new Error(`there is no ${id} here`);
  return found;
}

/** The charge that a payment's money hangs on. */
export function chargeOf(account: StripeAccount, intentId: string): Stripe.Charge {
  const { latest_charge: charge } = mustGet(account.intents, intentId);
  if (typeof charge !== 'string') throw new Error(`${intentId} has no charge yet`);
  return mustGet(account.charges, charge);
}
