// Plays generated histories: the provider is in memory, the books, the settling and the workers' code are the real ones.
import { withTenant } from '#shared/db/pool.ts';
import { beginLook, type PurchaseRow } from '#shared/db/purchases.ts';
import type { DisputeState } from '#shared/ledger/purchase-states.ts';
import type { Shop } from '#tests/payments/shop.ts';
import type { WorkerDeps } from '#workers/context.ts';
import { applyPayment } from '#workers/payment.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import type {
  PaymentProvider,
  ProviderPayment,
  ProviderRefund,
  RefundAnswer,
  RefundRequest,
} from '#workers/providers/provider.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import type { Fact, History } from './money-history.ts';

/** One payment as the provider knows it, and every look at it so far. */
export interface Payment {
  purchase: PurchaseRow;
  refunds: Map<string, ProviderRefund>;
  disputes: Map<string, { state: DisputeState; withdrawn: number }>;
  looks: { number: number; seen: ProviderPayment }[];
}

export interface Play {
  payments: Payment[];
  /** Ids of our refunds of purchases, in the order in which they were asked for. */
  refunds: string[];
  /** Of those, the ones that the provider refused for good. */
  refused: Set<string>;
}

const gone = ({ refunds }: Payment) =>
  [...refunds.values()].reduce((sum, each) => sum + (each.state === 'failed' ? 0 : each.amount), 0);

function paint({ purchase, refunds, disputes }: Payment, tenant: string): ProviderPayment {
  const { operationId, checkoutRef, price: amount, currency } = purchase;
  const words = { reason: null, outcome: null };
  return {
    ...{ checkoutRef: checkoutRef!, paymentRef: `pay_${operationId}`, state: 'paid', tenant },
    ...{ purchaseId: operationId, amount, currency, fault: null, warning: null, detail: null },
    refunds: [...refunds.values()].map((each) => ({ ...each })),
    disputes: [...disputes].map(([ref, each]) => ({ ref, ...each, amount, currency, ...words })),
  };
}

/** Plays a history of a tenant whose user has bought both packs, up to the moment when all was heard. */
export async function play(shop: Shop, history: History): Promise<Play> {
  const payments: Payment[] = [];
  for (const pack of history.packs) {
    const purchase = await shop.buy({ pack });
    payments.push({ purchase, refunds: new Map(), disputes: new Map(), looks: [] });
  }
  const stage = new Stage(shop, payments);
  // The first is granted before anything happens to it; the second when first heard of, whatever happened.
  await stage.hear(payments[0]!, await stage.look(payments[0]!));
  const { steps } = history;
  for (let at = 0; at < steps.length; at += 1) {
    const step = steps[at]!;
    const next = step.beside ? steps[at + 1] : undefined;
    if (next) at += 1;
    await Promise.all([stage.happen(step), next && stage.happen(next)]);
  }
  for (const id of stage.refunds) await stage.ask(id, 'returned');
  for (const payment of payments) await stage.hear(payment, await stage.look(payment));
  return stage;
}

class Stage implements Play {
  readonly payments: Payment[];
  readonly refunds: string[] = [];
  readonly refused = new Set<string>();
  readonly #shop: Shop;
  readonly #spends: string[] = [];

  constructor(shop: Shop, payments: Payment[]) {
    this.#shop = shop;
    this.payments = payments;
  }

  /** Draws the number first, as workers/look.ts does. */
  async look(payment: Payment) {
    const { deps, tenant } = this.#shop;
    const number = await withTenant(deps.db.app, tenant.slug, (tx) => beginLook(tx));
    const look = { number, seen: paint(payment, tenant.slug) };
    payment.looks.push(look);
    return look;
  }

  async hear(payment: Payment, { number, seen }: Payment['looks'][number]): Promise<void> {
    const {
      deps,
      tenant: { slug },
    } = this.#shop;
    const tenant = await deps.tenants.find(slug);
    const result = await applyPayment(deps, tenant!, 'sandbox', seen, number);
    if (result.status !== 'done')
      throw new Error(`heard of ${payment.purchase.operationId}: ${result.status}`);
  }

  async happen(step: Fact): Promise<void> {
    if (step.does === 'hear') {
      const payment = this.payments[step.of]!;
      const newest = await this.look(payment);
      const look = step.pick === null ? newest : payment.looks[step.pick % payment.looks.length]!;
      await Promise.all([this.hear(payment, look), step.twice && this.hear(payment, look)]);
    } else if (step.does === 'spend') await this.#spend(step.share);
    else if (step.does === 'unspend') {
      const operationId = this.#spends[step.pick % this.#spends.length];
      if (operationId !== undefined) await this.#shop.refund({ operationId }, step.coins);
    } else if (step.does === 'refund') {
      const refund = await this.#shop.refund(this.payments[step.of]!.purchase, step.coins);
      if (refund.status === 'applied') this.refunds.push(refund.id);
    } else if (step.does === 'ask') {
      const id = this.refunds[step.pick % this.refunds.length];
      if (id !== undefined) await this.ask(id, step.answer);
    } else this.#moveMoney(step);
  }

  /** At least one coin, which may be one that is not there. */
  async #spend(share: number): Promise<void> {
    const { balance } = await this.#shop.wallet();
    const spend = await this.#shop.spend(Math.max(1, Math.floor((balance * share) / 100)));
    this.#spends.push(spend.id);
  }

  /** The provider, or a bank, of its own accord. */
  #moveMoney(step: Extract<Fact, { does: 'return' | 'end' | 'dispute' }>): void {
    const payment = this.payments[step.of]!;
    const { price, currency } = payment.purchase;
    if (step.does === 'dispute') {
      const withdrawn = step.state === 'inquiry' ? 0 : Math.floor((price * step.share) / 100);
      payment.disputes.set(`dp_${payment.purchase.operationId}_${step.ref}`, {
        state: step.state,
        withdrawn,
      });
    } else if (step.does === 'return') {
      const left = price - gone(payment);
      if (left === 0) return;
      const ref = `re_${payment.purchase.operationId}_${payment.refunds.size}`;
      const amount = 1 + (step.money % left);
      payment.refunds.set(ref, { ref, refundId: null, amount, currency, state: step.state, detail: null });
    } else {
      const refund = [...payment.refunds.values()][step.pick % payment.refunds.size];
      if (refund && refund.state !== 'failed') refund.state = step.state;
    }
  }

  /** As a worker asks for one of our refunds; what the provider does not answer is asked again later. */
  async ask(operationId: string, answer: Extract<Fact, { does: 'ask' }>['answer']): Promise<void> {
    const provider: Partial<PaymentProvider> = {
      name: 'sandbox',
      isConfigured: () => true,
      refund: async (_tenant, request) => this.#giveBack(request, answer),
      look: async (_tenant, { ref }) => {
        const payment = this.payments.find(({ refunds }) => refunds.has(ref));
        return payment ? [paint(payment, this.#shop.tenant.slug)] : [];
      },
    };
    const deps: WorkerDeps = { ...this.#shop.deps, providers: { of: () => provider as PaymentProvider } };
    const job = { tenant: this.#shop.tenant.slug, task: 'refund' as const, operationId };
    await processProviderJob(deps, job).catch((error: unknown) => {
      if (!(error instanceof ProviderUnavailable)) throw error;
    });
  }

  #giveBack(request: RefundRequest, answer: Extract<Fact, { does: 'ask' }>['answer']): RefundAnswer {
    const { refundId, paymentRef, amount, currency } = request;
    const payment = this.payments.find(({ purchase }) => paymentRef === `pay_${purchase.operationId}`)!;
    const ref = `re_${refundId}`;
    if (!payment.refunds.has(ref)) {
      // Definite, and so the same however often it is asked.
      if (
        answer === 'refused' ||
        this.refused.has(refundId) ||
        amount > payment.purchase.price - gone(payment)
      ) {
        this.refused.add(refundId);
        return { status: 'refused', detail: 'no' };
      }
      const state = answer === 'returned' ? 'done' : 'pending';
      payment.refunds.set(ref, { ref, refundId, amount, currency, state, detail: null });
    }
    if (answer === 'lost') throw new ProviderUnavailable('sandbox', 'the answer was lost');
    const { state } = payment.refunds.get(ref)!;
    if (state === 'failed') return { status: 'refused', ref, detail: 'it failed' };
    return { status: state === 'done' ? 'returned' : 'taken', ref };
  }
}
