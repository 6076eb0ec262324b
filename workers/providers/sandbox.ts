// Speaks to the sandbox provider over real HTTP, with the care that a stranger's API needs.
import { z } from 'zod';
import type { Services } from '#shared/boot/services.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { sandboxBearer } from '#shared/tenants/sandbox-account.ts';
import type { PaymentProvider } from './provider.ts';
import { ProviderUnavailable } from './unavailable.ts';

const name = 'sandbox';
const money = { amount: z.int().min(1), currency: z.string().regex(/^[a-z]{3}$/) };

const checkoutBody = z.strictObject({
  ref: z.string().min(1),
  url: z.url(),
  status: z.enum(['open', 'paid', 'declined', 'expired']),
  paymentRef: z.string().min(1).nullable(),
  metadata: z.strictObject({ tenant: z.string(), purchaseId: z.uuid() }),
  ...money,
  expiresAt: z.iso.datetime(),
});

const refundBody = z.strictObject({
  ref: z.string().min(1),
  status: z.enum(['succeeded']),
  paymentRef: z.string().min(1),
  ...money,
});

const disputeBody = z.strictObject({
  ref: z.string().min(1),
  checkoutRef: z.string().min(1),
  paymentRef: z.string().min(1),
  metadata: z.strictObject({ tenant: z.string(), purchaseId: z.uuid() }),
  ...money,
});

/** Only this code says that it will never work; anything else unexpected may be our own trouble. */
const refusalBody = z.object({ code: z.literal('payment_state'), detail: z.string().optional() });

const eventBody = z.object({
  data: z.object({ object: z.enum(['checkout', 'refund', 'dispute']), ref: z.string().min(1) }),
});

const stateOf = { open: 'open', paid: 'paid', declined: 'failed', expired: 'expired' } as const;

/**
 * `config.sandboxUrl` is where the stand-in listens: the operator's word, never a tenant's. A call that
 * has no whole answer after `callMsMax` milliseconds counts as unanswered.
 */
export function createSandboxProvider(
  { config, keyring }: Pick<Services, 'config' | 'keyring'>,
  callMsMax = 8000,
): PaymentProvider {
  const send = (tenant: Tenant, path: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${sandboxBearer(keyring, tenant.slug)}`);
    return sendWithin(callMsMax, `${config.sandboxUrl}/sandbox/v1/${path}`, { ...init, headers });
  };

  /** Undefined: there is no such object of this tenant. */
  const get = async <T>(
    tenant: Tenant,
    schema: z.ZodType<T>,
    kind: string,
    ref: string,
  ): Promise<T | undefined> => {
    const answer = await send(tenant, `${kind}/${encodeURIComponent(ref)}`, { method: 'GET' });
    return answer.status === 404 ? undefined : understand(schema, answer, kind);
  };

  const post = async <T>(tenant: Tenant, schema: z.ZodType<T>, kind: string, key: string, body: object) => {
    const answer = await send(tenant, kind, {
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

  return {
    name,
    async createCheckout(tenant, { purchaseId, ...request }) {
      const body = { ...request, metadata: { purchaseId } };
      const { made, refused } = await post(tenant, checkoutBody, 'checkouts', `checkout-${purchaseId}`, body);
      if (!made) return { status: 'refused', detail: refused };
      return { status: 'opened', ref: made.ref, url: made.url, expiresAt: new Date(made.expiresAt) };
    },
    async findPayment(tenant, checkoutRef) {
      const found = await get(tenant, checkoutBody, 'checkouts', checkoutRef);
      if (!found) return undefined;
      const { metadata, status, ref, paymentRef, amount, currency } = found;
      return { checkoutRef: ref, paymentRef, state: stateOf[status], ...metadata, amount, currency };
    },
    async refund(tenant, { refundId, ...request }) {
      const body = { ...request, metadata: { refundId } };
      const { made, refused } = await post(tenant, refundBody, 'refunds', `refund-${refundId}`, body);
      return made ? { status: 'returned', ref: made.ref } : { status: 'refused', detail: refused };
    },
    async findRefund(tenant, refundRef) {
      const found = await get(tenant, refundBody, 'refunds', refundRef);
      return found && { status: 'returned', ref: found.ref };
    },
    async findDispute(tenant, disputeRef) {
      const found = await get(tenant, disputeBody, 'disputes', disputeRef);
      if (!found) return undefined;
      const { metadata, ...dispute } = found;
      return { ...dispute, purchaseId: metadata.purchaseId };
    },
    readHint(body) {
      const event = eventBody.safeParse(parseJson(body.toString('utf8')));
      if (!event.success) return undefined;
      const { object, ref } = event.data.data;
      if (object === 'refund') return { about: 'refund', refundRef: ref };
      if (object === 'dispute') return { about: 'dispute', disputeRef: ref };
      return { about: 'payment', checkoutRef: ref };
    },
  };
}

interface HttpAnswer {
  status: number;
  text: string;
}

async function sendWithin(msMax: number, url: string, init: RequestInit): Promise<HttpAnswer> {
  try {
    // A redirect would carry the bearer to another place.
    const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(msMax) });
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
