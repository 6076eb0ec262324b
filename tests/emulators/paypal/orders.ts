// Orders v2: an order is made, shown and captured, with PayPal's refusals where the order is not ready for it.
import { faultOf, fromMinor, type Money, toMinor } from './money.ts';
import { captureMoney } from './money-moves.ts';
import { type Call, describe, type Reply, refuse, refuseIssue, refuseUnknown } from './reply.ts';
import type { Deed } from './request-ids.ts';
import { viewOrder, viewOrderBriefly } from './views.ts';
import { newId, type Order } from './world.ts';

interface Addresses {
  return_url?: string;
  cancel_url?: string;
}

interface OrderRequest {
  purchase_units: [
    {
      amount: Money;
      reference_id?: string;
      custom_id?: string;
      invoice_id?: string;
      description?: string;
    },
  ];
  payment_source?: { paypal?: { experience_context?: Addresses } };
  application_context?: Addresses;
}

/** Whether the caller asked for the whole object (`Prefer: return=representation`). */
export function wantsRepresentation({ request }: Call): boolean {
  return /\breturn=representation\b/.test(String(request.headers.prefer ?? ''));
}

export function createOrder(call: Call): Deed {
  const wanted = call.json as unknown as OrderRequest;
  const [unit] = wanted.purchase_units;
  if (wanted.payment_source !== undefined && call.request.headers['paypal-request-id'] === undefined) {
    const issue = { ...describe('PAYPAL_REQUEST_ID_REQUIRED'), location: 'header' as const };
    return { reply: refuse('INVALID_REQUEST', [issue]), again: undefined };
  }
  const fault = faultOf(unit.amount);
  if (fault !== undefined) {
    const field = `/purchase_units/@reference_id=='${unit.reference_id ?? 'default'}'/amount/value`;
    const refusal = refuseIssue(fault, { field, value: unit.amount.value, location: 'body' });
    return { reply: refusal, again: undefined };
  }
  const order = newOrder(call, wanted);
  call.account.orders.set(order.id, order);
  return answerOrder(call, order);
}

function newOrder(call: Call, { purchase_units, payment_source, application_context }: OrderRequest): Order {
  const [unit] = purchase_units;
  const now = new Date();
  const addresses = payment_source?.paypal?.experience_context ?? application_context;
  const waiting = payment_source === undefined ? 'CREATED' : 'PAYER_ACTION_REQUIRED';
  return {
    id: newId(),
    account: call.account,
    status: waiting,
    waiting,
    expired: false,
    amount: toMinor(unit.amount),
    currency: unit.amount.currency_code,
    referenceId: unit.reference_id ?? 'default',
    customId: unit.custom_id,
    invoiceId: unit.invoice_id,
    description: unit.description,
    returnUrl: addresses?.return_url,
    cancelUrl: addresses?.cancel_url,
    payer: undefined,
    plan: 'completed',
    pendingReason: 'ECHECK',
    captures: [],
    createdAt: now,
    updatedAt: now,
  };
}

/** 201 at first, 200 for the same request id (specification of Orders v2, responses). */
function answerOrder(call: Call, order: Order): Deed {
  const view = wantsRepresentation(call) ? viewOrder : viewOrderBriefly;
  const reply = (status: number): Reply => ({ status, body: view(call.world, order) });
  return { reply: reply(201), again: () => reply(200) };
}

function findOrder({ account, id }: Call): Order | undefined {
  const order = account.orders.get(id);
  return order?.expired === true ? undefined : order;
}

export function getOrder(call: Call): Reply {
  const order = findOrder(call);
  return order === undefined ? refuseUnknown() : { status: 200, body: viewOrder(call.world, order) };
}

export function captureOrder(call: Call): Deed {
  const order = findOrder(call);
  if (order === undefined) return { reply: refuseUnknown(), again: undefined };
  const refusal = refuseCapture(call, order);
  if (refusal !== undefined) return { reply: refusal, again: undefined };
  captureMoney(call.world, order);
  return answerOrder(call, order);
}

function refuseCapture({ world }: Call, order: Order): Reply | undefined {
  if (order.status === 'COMPLETED') return refuseIssue('ORDER_ALREADY_CAPTURED');
  if (order.status !== 'APPROVED') return refuseIssue('ORDER_NOT_APPROVED');
  if (order.plan === 'instrument_declined') {
    order.status = order.waiting;
    order.plan = 'completed';
    order.updatedAt = new Date();
    const refusal = refuseIssue('INSTRUMENT_DECLINED');
    const again = { href: `${world.base}/checkoutnow?token=${order.id}`, rel: 'redirect', method: 'GET' };
    const { links, ...rest } = refusal.body as { links: unknown[] };
    return { ...refusal, body: { ...rest, links: [...links, again] } };
  }
  // The account's setting "block accidental payments" is on unless a merchant turns it off.
  const used = [...order.account.captures.values()].some(
    (capture) =>
      order.invoiceId !== undefined &&
      capture.order.invoiceId === order.invoiceId &&
      (capture.outcome === 'COMPLETED' || capture.outcome === 'PENDING'),
  );
  return used ? refuseIssue('DUPLICATE_INVOICE_ID') : undefined;
}

/** For the payer's page. */
export function priceOf(order: Order): string {
  const { currency_code, value } = fromMinor(order.amount, order.currency);
  return `${value} ${currency_code}`;
}
