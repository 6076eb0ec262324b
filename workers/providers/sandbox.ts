// Speaks to the sandbox provider over real HTTP, with the care that a stranger's API needs.
import type { z } from 'zod';
import type { Services } from '#shared/boot/services.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { sandboxBearer } from '#shared/tenants/sandbox-account.ts';
import type { PaymentProvider, PayoutAnswer, ProviderPayment } from './provider.ts';
import {
  type CheckoutBody,
  changesBody,
  checkoutBody,
  disputeBody,
  eventBody,
  type PayoutBody,
  payoutBody,
  payoutEventBody,
  refundBody,
  refusalBody,
} from './sandbox-answers.ts';
import { ProviderUnavailable } from './unavailable.ts';

const name = 'sandbox';

const stateOf = { open: 'open', paid: 'paid', declined: 'failed', expired: 'expired' } as const;

/** One call of the port: all requests it makes share its deadline. */
interface Call {
  tenant: Tenant;
  deadline: AbortSignal;
}

/**
 * `config.sandboxUrl` is where the stand-in listens: the operator's word, never a tenant's. A call that
 * has no whole answer after `config.PROVIDER_CALL_MS` milliseconds counts as unanswered.
 */
export function createSandboxProvider({
  config,
  keyring,
}: Pick<Services, 'config' | 'keyring'>): PaymentProvider {
  const begin = (tenant: Tenant): Call => ({
    tenant,
    deadline: AbortSignal.timeout(config.PROVIDER_CALL_MS),
  });

  const send = ({ tenant, deadline }: Call, path: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${sandboxBearer(keyring, tenant.slug)}`);
    return exchange(`${config.sandboxUrl}/sandbox/v1/${path}`, { ...init, headers, signal: deadline });
  };

  /** Undefined: there is no such object of this tenant. */
  const get = async <T>(
    call: Call,
    schema: z.ZodType<T>,
    kind: string,
    ref: string,
  ): Promise<T | undefined> => {
    const answer = await send(call, `${kind}/${encodeURIComponent(ref)}`, { method: 'GET' });
    return answer.status === 404 ? undefined : understand(schema, answer, kind);
  };

  const post = async <T>(call: Call, schema: z.ZodType<T>, kind: string, key: string, body: object) => {
    const answer = await send(call, kind, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    });
    if (answer.status === 409) {
      const refusal = refusalBody.safeParse(parseJson(answer.text));
      if (refusal.success) return { refused: refusal.data.detail ?? refusal.data.code };
    }
    return { made: understand(schema, answer, kind) };
  };

  const findCheckout = async (
    call: Call,
    about: 'checkout' | 'payment' | 'refund' | 'dispute',
    ref: string,
  ): Promise<CheckoutBody | undefined> => {
    if (about === 'checkout') return get(call, checkoutBody, 'checkouts', ref);
    if (about === 'payment') return get(call, checkoutBody, 'payments', ref);
    const found =
      about === 'refund'
        ? await get(call, refundBody, 'refunds', ref)
        : await get(call, disputeBody, 'disputes', ref);
    if (!found) return undefined;
    const checkout = await get(call, checkoutBody, 'checkouts', found.checkoutRef);
    // Taken for "unknown", it would be forgotten.
    if (!checkout) throw new ProviderUnavailable(name, `knows a ${about} and not its checkout`);
    return checkout;
  };

  return {
    name,
    isConfigured: () => !config.production,
    // The network shows the card of every payment: what is kept of it is the worker's business.
    async createCheckout(tenant, { purchaseId, store: _, ...request }) {
      const key = `checkout-${purchaseId}`;
      const body = { ...request, metadata: { purchaseId } };
      const { made, refused } = await post(begin(tenant), checkoutBody, 'checkouts', key, body);
      if (!made) return { status: 'refused', detail: refused };
      return { status: 'opened', ref: made.ref, url: made.url, expiresAt: new Date(made.expiresAt) };
    },
    async look(tenant, { about, ref }) {
      const checkout = await findCheckout(begin(tenant), about, ref);
      return checkout ? [paymentOf(checkout)] : [];
    },
    // The network never forgets a key, so it does not matter when we first asked.
    async refund(tenant, { refundId, paymentRef, amount, currency }) {
      const body = { paymentRef, amount, currency, metadata: { refundId } };
      const key = `refund-${refundId}`;
      const { made, refused } = await post(begin(tenant), refundBody, 'refunds', key, body);
      if (!made) return { status: 'refused', detail: refused };
      if (made.metadata.refundId === refundId && made.amount === amount && made.paymentRef === paymentRef) {
        return { status: 'returned', ref: made.ref };
      }
      throw new ProviderUnavailable(name, 'answered with another refund than the one asked for');
    },
    async chargeStored(tenant, { purchaseId, amount, currency, methodRef }) {
      const body = { amount, currency, methodRef, metadata: { purchaseId } };
      const { made, refused } = await post(
        begin(tenant),
        checkoutBody,
        'charges',
        `charge-${purchaseId}`,
        body,
      );
      if (!made) return { status: 'refused', code: 'method_removed', detail: refused };
      const { ref, status, metadata } = made;
      if (metadata.purchaseId !== purchaseId || made.amount !== amount) {
        throw new ProviderUnavailable(name, 'answered with another charge than the one asked for');
      }
      if (status === 'paid') return { status, ref };
      return { status: 'refused', code: 'card_declined', detail: `the payment is ${status}`, ref };
    },
    // A card of the network is what its first payment says: there is nothing to forget.
    async detachMethod() {},
    // The network never forgets a payout either: the same id is the same money.
    async payOut(tenant, { payoutId, amount, currency, destination }) {
      const body = { amount, currency, destination, metadata: { payoutId } };
      const { made, refused } = await post(begin(tenant), payoutBody, 'payouts', `payout-${payoutId}`, body);
      if (!made) return { status: 'refused', detail: refused };
      if (made.metadata.payoutId === payoutId && made.amount === amount) return toPayoutAnswer(made);
      throw new ProviderUnavailable(name, 'answered with another payout than the one asked for');
    },
    async lookPayout(tenant, payoutId) {
      const found = await get(begin(tenant), payoutBody, 'payouts', payoutId);
      return found && toPayoutAnswer(found);
    },
    readPayoutHint: (body) => payoutEventBody.safeParse(parseJson(body.toString('utf8'))).data?.data.ref,
    readHint(body) {
      const event = eventBody.safeParse(parseJson(body.toString('utf8')));
      if (!event.success) return undefined;
      const { object, ref } = event.data.data;
      return { about: object, ref };
    },
    async *listChanges(tenant, { from, to }) {
      const query = new URLSearchParams({ from: from.toISOString(), to: to.toISOString() });
      let before = '';
      for (;;) {
        const answer = await send(begin(tenant), `changes?${query}`, { method: 'GET' });
        const { data, hasMore } = understand(changesBody, answer, 'changes');
        for (const { object, ref } of data) yield { about: object, ref };
        if (!hasMore) return;
        const last = data.at(-1);
        // A list that does not move on would never end.
        if (!last || before === `${last.changedAt} ${last.ref}` || before > `${last.changedAt}~`) {
          throw new ProviderUnavailable(name, 'its list of changes does not move on');
        }
        before = `${last.changedAt} ${last.ref}`;
        query.set('after', last.changedAt);
        query.set('afterRef', last.ref);
      }
    },
  };
}

function toPayoutAnswer({ status, ref }: PayoutBody): PayoutAnswer {
  return status === 'refused' ? { status, detail: 'the destination takes no money' } : { status, ref };
}

function paymentOf(checkout: CheckoutBody): ProviderPayment {
  const { ref, status, paymentRef, metadata, amount, currency, method } = checkout;
  return {
    method,
    checkoutRef: ref,
    paymentRef,
    state: stateOf[status],
    ...metadata,
    amount,
    currency,
    fault: null,
    refunds: checkout.refunds.map((refund) => ({
      ref: refund.ref,
      refundId: refund.metadata.refundId,
      amount: refund.amount,
      currency: refund.currency,
      state: 'done',
      detail: null,
    })),
    disputes: checkout.disputes.map((dispute) => ({
      ref: dispute.ref,
      state: dispute.status === 'open' ? 'open' : 'closed',
      withdrawn: dispute.withdrawn,
      amount: dispute.amount,
      currency: dispute.currency,
      reason: dispute.reason,
      outcome: dispute.status === 'open' ? null : dispute.status,
    })),
    warning: null,
    detail: null,
  };
}

interface HttpAnswer {
  status: number;
  text: string;
}

async function exchange(url: string, init: RequestInit): Promise<HttpAnswer> {
  try {
    // A redirect would carry the bearer to another place.
    const response = await fetch(url, { ...init, redirect: 'error' });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    throw new ProviderUnavailable(name, 'could not be reached, or its answer broke off', { cause: error });
  }
}

function understand<T>(schema: z.ZodType<T>, { status, text }: HttpAnswer, kind: string): T {
  if (status !== 200 && status !== 201) throw new ProviderUnavailable(name, `answered ${status} to ${kind}`);
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new ProviderUnavailable(name, `an answer to ${kind} was not understood`, { cause: parsed.error });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
