// The port that every payment provider stands behind: what we ask of one, and what its answers mean to us.
import type { Services } from '#shared/boot/services.ts';
import type { ChargeRefusal } from '#shared/contracts/payment-methods.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type BulkheadOptions, protect } from './bulkhead.ts';
import { createPaypalProvider } from './paypal.ts';
import { createSandboxProvider } from './sandbox.ts';
import { createStripeProvider } from './stripe.ts';

export interface CheckoutRequest {
  /** Our purchase: the provider's idempotency key is derived from it, and it goes into the metadata. */
  purchaseId: string;
  /** In the minor unit of `currency` (ISO 4217, lower case). */
  amount: number;
  currency: string;
  /** What is bought, for the payer to read. */
  description: string;
  returnUrl: string | null;
  lifetimeSeconds: number;
  /** The way of paying is to be kept, with the customer whose others are; null: a new one. */
  store?: { customerRef: string | null };
}

export type CheckoutAnswer =
  | { status: 'opened'; ref: string; url: string; expiresAt: Date }
  /** A definite no; asking again would end alike. */
  | { status: 'refused'; detail: string };

/** A return of money as its provider knows it. */
export interface ProviderRefund {
  ref: string;
  /** Our id of it, from the metadata; null for one that was made at the provider by hand. */
  refundId: string | null;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
  /** Money that is `pending` counts as gone; a refund that was `done` may still fail. */
  state: 'pending' | 'done' | 'failed';
  detail: string | null;
}

/** A payer's complaint at the bank, with the money that it moved. */
export interface ProviderDispute {
  ref: string;
  /** `inquiry`: a question, nothing is at stake yet. `open`: the bank decides. `closed`: it did. */
  state: 'inquiry' | 'open' | 'closed';
  /** What the bank holds of this payment now: withdrawals less reinstatements, never its fees. */
  withdrawn: number;
  /** What the payer asks for, in the minor unit of `currency`. */
  amount: number;
  currency: string;
  /** The provider's words for its reason and its outcome, for operators. */
  reason: string | null;
  outcome: string | null;
}

/** All that a provider knows now of one payment: the payment, its returns, its disputes. */
export interface ProviderPayment {
  checkoutRef: string;
  /** The object that the money hangs on; null while none moved. */
  paymentRef: string | null;
  /**
   * `approved`: the payer agreed and waits for us to capture. `processing`: the payer is done and the
   * money is not there yet. `paid` stays so whatever is returned later.
   */
  state: 'open' | 'approved' | 'processing' | 'paid' | 'failed' | 'expired';
  /** What we put into the metadata; null where the provider shows none. */
  tenant: string | null;
  purchaseId: string | null;
  amount: number;
  currency: string;
  /** What forbids to believe it, such as money of the other mode (live, test) or another account. */
  fault: string | null;
  refunds: ProviderRefund[];
  disputes: ProviderDispute[];
  /** Why the provider suspects fraud or reviews the payment; spending waits meanwhile. */
  warning: string | null;
  detail: string | null;
  /** The way of paying, once paid, where it was to be kept. */
  method?: StoredMethod | null;
}

/** What a provider calls a way of paying that it keeps; `label` is for its owner to read. */
export interface StoredMethod {
  customerRef: string;
  methodRef: string;
  label: string;
}

export interface ChargeRequest extends Omit<StoredMethod, 'label'> {
  /** Our purchase: the idempotency key is derived from it, and it goes into the metadata. */
  purchaseId: string;
  amount: number;
  currency: string;
  /** When we first may have asked, as for a return of money. */
  askedAt: Date;
}

/** `ref` is the payment's checkout from now on: a look at it shows the payment. */
export type ChargeAnswer =
  | { status: 'paid' | 'processing'; ref: string }
  /** A definite no. `ref` where the provider keeps a record of the try. */
  | { status: 'refused'; code: ChargeRefusal; detail: string; ref?: string };

export interface RefundRequest {
  /** Our id of this return of money; the idempotency key is derived from it. */
  refundId: string;
  paymentRef: string;
  amount: number;
  currency: string;
  /** When we first may have asked: keys that are older than the provider's memory need another look. */
  askedAt: Date;
}

export type RefundAnswer =
  | { status: 'returned' | 'taken'; ref?: string }
  /** A definite no: the money stays. `ref` where the provider keeps a record of the attempt. */
  | { status: 'refused'; ref?: string; detail: string };

export interface PayoutRequest {
  /** Our payout: the idempotency key is derived from it, and the provider can be asked about it by that. */
  payoutId: string;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
  /** Where the money goes, as the provider knows it. */
  destination: string;
}

export type PayoutAnswer =
  /** `pending`: it is taken and may still fail. `returned`: it was paid, and came back. */
  | { status: 'paid' | 'pending' | 'returned'; ref: string }
  /** A definite no: no money left, and none will. */
  | { status: 'refused'; detail: string };

/** What a webhook is about. It is a hint: what is believed is the object, fetched. */
export type ProviderHint =
  | { about: 'checkout' | 'payment' | 'refund' | 'dispute'; ref: string }
  /** A kind that means nothing to us. */
  | { about: 'nothing' };

/** A webhook as it was stored. */
export interface StoredEvent {
  /** Lower-case names. */
  headers: Record<string, string>;
  body: Buffer;
}

/**
 * Every call may be repeated: the same purchase or refund id is the same object at the provider, however
 * much later; an adapter whose provider forgets keys looks by metadata before it makes a new one.
 * Every call ends within a deadline. All of them throw ProviderUnavailable when no definite answer came.
 */
export interface PaymentProvider {
  readonly name: string;
  /** Whether this tenant may buy through it. */
  isConfigured(tenant: Tenant): boolean;
  createCheckout(tenant: Tenant, request: CheckoutRequest): Promise<CheckoutAnswer>;
  /**
   * Follows a hint to the payments it concerns and fetches all that is known of each; a dispute may list
   * several. Empty: the provider knows no such object of this tenant.
   */
  look(tenant: Tenant, hint: Exclude<ProviderHint, { about: 'nothing' }>): Promise<ProviderPayment[]>;
  /** Takes the money of an approved checkout; only where approving does not do so. Look again afterwards. */
  capture?(tenant: Tenant, request: { purchaseId: string; checkoutRef: string }): Promise<void>;
  refund(tenant: Tenant, request: RefundRequest): Promise<RefundAnswer>;
  /** Takes money by a stored method while its payer is away; only where the provider keeps methods. */
  chargeStored?(tenant: Tenant, request: ChargeRequest): Promise<ChargeAnswer>;
  /** Lets the provider forget a stored method; one that it does not know is forgotten. */
  detachMethod?(tenant: Tenant, methodRef: string): Promise<void>;
  /** Sends money to somebody; only where the provider pays out. */
  payOut?(tenant: Tenant, request: PayoutRequest): Promise<PayoutAnswer>;
  /** How a payout stands. Undefined: the provider never heard of it. */
  lookPayout?(tenant: Tenant, payoutId: string): Promise<PayoutAnswer | undefined>;
  /** Our id of the payout that a stored webhook is about. Undefined: it is about none. */
  readPayoutHint?(body: Buffer): string | undefined;
  /** Whether the provider says that it sent this; only where no signature could be checked on arrival. */
  verify?(tenant: Tenant, event: StoredEvent): Promise<boolean>;
  /** Reads a stored webhook. Undefined: its form is unknown. */
  readHint(body: Buffer): ProviderHint | undefined;
  /**
   * What happened between two moments, to compare with what we know: a hint for every payment, refund and
   * dispute made or changed then. May name one payment several times.
   */
  listChanges(
    tenant: Tenant,
    range: { from: Date; to: Date },
  ): AsyncIterable<Exclude<ProviderHint, { about: 'nothing' }>>;
}

export interface PaymentProviders {
  of(name: string): PaymentProvider | undefined;
}

/**
 * The providers of this installation, each behind its bulkhead: one tenant's hung account must not hold up
 * the purchases of others.
 */
export function createPaymentProviders(
  services: Pick<Services, 'config' | 'keyring' | 'log' | 'metrics'>,
): PaymentProviders {
  const { config, log, metrics } = services;
  const adapters = [createStripeProvider(services), createPaypalProvider(services)];
  if (!config.production) adapters.push(createSandboxProvider(services));
  const options: BulkheadOptions = {
    onState(provider, tenant, state, cause) {
      metrics.providerCircuits.labels(provider, state).inc();
      if (state === 'open')
        log.warn({ provider, tenant, err: cause }, 'a provider is left alone for a while');
      else log.info({ provider, tenant, state }, 'a provider is asked again');
    },
  };
  const byName = new Map(adapters.map((adapter) => [adapter.name, protect(adapter, options)]));
  return { of: (name) => byName.get(name) };
}
