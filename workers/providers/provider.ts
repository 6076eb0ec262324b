// The port that every payment provider stands behind: what we ask of one, and what its answers mean to us.
import type { Services } from '#shared/boot/services.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createSandboxProvider } from './sandbox.ts';

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
}

export type CheckoutAnswer =
  | { status: 'opened'; ref: string; url: string; expiresAt: Date }
  /** A definite no; asking again would end alike. */
  | { status: 'refused'; detail: string };

/** A payment as its provider knows it now. */
export interface ProviderPayment {
  checkoutRef: string;
  /** The object that the money hangs on; null while none moved. */
  paymentRef: string | null;
  /** `processing`: the payer is done and the money is not there yet. */
  state: 'open' | 'processing' | 'paid' | 'failed' | 'expired';
  /** What we put into the metadata; null where the provider shows none. */
  tenant: string | null;
  purchaseId: string | null;
  amount: number;
  currency: string;
}

export interface RefundRequest {
  /** Our id of this return of money; the idempotency key is derived from it. */
  refundId: string;
  paymentRef: string;
  amount: number;
  currency: string;
}

export type RefundAnswer =
  | { status: 'returned' | 'taken'; ref?: string }
  /** A definite no: the money stays. `ref` where the provider keeps a record of the attempt. */
  | { status: 'refused'; ref?: string; detail: string };

/** A payer's complaint at the bank, with the money that it took. */
export interface ProviderDispute {
  ref: string;
  checkoutRef: string;
  paymentRef: string;
  purchaseId: string | null;
  amount: number;
  currency: string;
}

/** What a webhook is about. It is a hint: what is believed is the object, fetched. */
export type ProviderHint =
  | { about: 'payment'; checkoutRef: string }
  | { about: 'refund'; refundRef: string }
  | { about: 'dispute'; disputeRef: string }
  /** A kind that means nothing to us. */
  | { about: 'nothing' };

/**
 * Every call may be repeated: the same purchase or refund id is the same object at the provider, however
 * much later; an adapter whose provider forgets keys looks by metadata before it makes a new one.
 * Every call ends within a deadline. All of them throw ProviderUnavailable when no definite answer came.
 */
export interface PaymentProvider {
  readonly name: string;
  createCheckout(tenant: Tenant, request: CheckoutRequest): Promise<CheckoutAnswer>;
  /** Undefined: the provider knows no such checkout of this tenant. */
  findPayment(tenant: Tenant, checkoutRef: string): Promise<ProviderPayment | undefined>;
  refund(tenant: Tenant, request: RefundRequest): Promise<RefundAnswer>;
  findRefund(tenant: Tenant, refundRef: string): Promise<RefundAnswer | undefined>;
  findDispute(tenant: Tenant, disputeRef: string): Promise<ProviderDispute | undefined>;
  /** Reads a stored webhook. Undefined: its form is unknown. */
  readHint(body: Buffer): ProviderHint | undefined;
}

export interface PaymentProviders {
  of(name: string): PaymentProvider | undefined;
}

/** The providers of this installation. Stripe and PayPal find their place here. */
export function createPaymentProviders(services: Pick<Services, 'config' | 'keyring'>): PaymentProviders {
  const providers = services.config.production ? [] : [createSandboxProvider(services)];
  const byName = new Map<string, PaymentProvider>(providers.map((provider) => [provider.name, provider]));
  return { of: (name) => byName.get(name) };
}
