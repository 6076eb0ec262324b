// A payment provider in memory that sends no webhooks: what a long outage of theirs looks like from here.
import type { PurchaseRow } from '#shared/db/purchases.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { WorkerDeps } from '#workers/context.ts';
import type { PaymentProvider, ProviderHint, ProviderPayment } from '#workers/providers/provider.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import { processPurchases } from '#workers/purchase.ts';
import { type ReconcileJob, reconcile } from '#workers/reconcile.ts';
import type { Shop } from './shop.ts';

type Hint = Exclude<ProviderHint, { about: 'nothing' }>;

export interface Bank {
  payments: Map<string, ProviderPayment>;
  changes: { at: Date; hint: Hint }[];
  /** The spans that were asked for, and the refs that were looked at. */
  ranges: { from: Date; to: Date }[];
  looks: string[];
  /** Called before each look; throws to be away. */
  onLook(ref: string): void | Promise<void>;
  /** So many changes are listed before the list breaks off. */
  listed: number;
  deps: WorkerDeps;
  /** Journals a purchase and opens its checkout here. */
  buy(): Promise<PurchaseRow>;
  /** Changes a payment at the bank, where nobody hears of it. */
  change(purchase: PurchaseRow, change: Partial<ProviderPayment>): void;
  pay(purchase: PurchaseRow): void;
  /** Puts a payment there that no checkout of ours made. */
  put(payment: Partial<ProviderPayment> & { checkoutRef: string }): void;
  /** One run, as the clock or an operator asks for it. */
  reconcile(job?: Partial<ReconcileJob>): Promise<string>;
}

const blank: Omit<ProviderPayment, 'checkoutRef'> = {
  ...{ paymentRef: null, state: 'open', tenant: null, purchaseId: null, amount: 99, currency: 'eur' },
  ...{ fault: null, refunds: [], disputes: [], warning: null, detail: null },
};

export function openBank(shop: Shop): Bank {
  const { slug } = shop.tenant;
  const put: Bank['put'] = (payment) => {
    bank.payments.set(payment.checkoutRef, { ...blank, ...payment });
    bank.changes.push({ at: new Date(), hint: { about: 'checkout', ref: payment.checkoutRef } });
  };
  const provider: PaymentProvider = {
    name: 'sandbox',
    isConfigured: () => true,
    async createCheckout(tenant, { purchaseId, amount, currency }) {
      const checkoutRef = `co_${purchaseId}`;
      bank.payments.set(checkoutRef, {
        ...blank,
        ...{ checkoutRef, tenant: tenant.slug, purchaseId, amount, currency },
      });
      const url = `https://bank.test/${checkoutRef}`;
      return { status: 'opened', ref: checkoutRef, url, expiresAt: new Date(Date.now() + 3_600_000) };
    },
    async look(_tenant, { ref }) {
      bank.looks.push(ref);
      await bank.onLook(ref);
      const names = (payment: ProviderPayment) => [
        ...[payment.checkoutRef, payment.paymentRef],
        ...[...payment.refunds, ...payment.disputes].map((each) => each.ref),
      ];
      return [...bank.payments.values()].filter((payment) => names(payment).includes(ref));
    },
    refund: async () => ({ status: 'taken' }),
    readHint: () => undefined,
    async *listChanges(_tenant, range) {
      bank.ranges.push(range);
      let left = bank.listed;
      for (const { at, hint } of bank.changes) {
        if (at < range.from || at > new Date(range.to.getTime() + 1000)) continue;
        if (left === 0) throw new ProviderUnavailable('sandbox', 'the list broke off');
        left -= 1;
        yield hint;
      }
    },
  };
  const bank: Bank = {
    payments: new Map(),
    changes: [],
    ranges: [],
    looks: [],
    onLook: () => undefined,
    listed: Number.POSITIVE_INFINITY,
    deps: { ...shop.deps, providers: { of: (name) => (name === 'sandbox' ? provider : undefined) } },
    async buy() {
      const { operationId } = await shop.buy(undefined, { open: false });
      await processPurchases(bank.deps, { tenant: slug, operationIds: [operationId], notify: false });
      return shop.purchase(operationId);
    },
    change({ checkoutRef }, change) {
      put({ ...bank.payments.get(checkoutRef!)!, ...change });
    },
    pay(purchase) {
      bank.change(purchase, { state: 'paid', paymentRef: `pay_${purchase.operationId}` });
    },
    put,
    async reconcile(job = {}) {
      const runId = job.runId ?? newId();
      const what = { tenant: slug, task: 'reconcile' as const, provider: 'sandbox' };
      await reconcile(bank.deps, { ...what, from: null, scheduledAt: null, ...job, runId });
      return runId;
    },
  };
  return bank;
}

/** Money that went back, as the bank shows it. */
export function returned(ref: string, amount: number): ProviderPayment['refunds'] {
  return [{ ref, refundId: null, amount, currency: 'eur', state: 'done', detail: null }];
}

/** A dispute whose money the bank holds. */
export function disputed(ref: string, withdrawn: number): ProviderPayment['disputes'] {
  const words = { reason: 'fraudulent', outcome: null };
  return [{ ref, state: 'open', withdrawn, amount: withdrawn, currency: 'eur', ...words }];
}
