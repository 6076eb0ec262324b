// Customer Disputes v1: a payer's case as the merchant reads it, one by one and in pages.
import { Buffer } from 'node:buffer';
import { fromMinor } from './money.ts';
import { type Call, type Reply, refuse, refuseUnknown } from './reply.ts';
import { captureStatus } from './views.ts';
import type { Capture, Dispute, World } from './world.ts';

const link = (href: string, rel: string, method = 'GET') => ({ href, rel, method });

function stateOf({ status, stage }: Dispute): string {
  if (status === 'RESOLVED') return 'RESOLVED';
  if (status === 'UNDER_REVIEW') return 'UNDER_PAYPAL_REVIEW';
  if (status === 'WAITING_FOR_BUYER_RESPONSE') return 'REQUIRED_OTHER_PARTY_ACTION';
  return stage === 'INQUIRY' ? 'OPEN_INQUIRIES' : 'REQUIRED_ACTION';
}

function viewSummary(world: World, dispute: Dispute): Record<string, unknown> {
  return {
    dispute_id: dispute.id,
    create_time: dispute.createdAt.toISOString(),
    update_time: dispute.updatedAt.toISOString(),
    reason: dispute.reason,
    status: dispute.status,
    dispute_state: stateOf(dispute),
    dispute_amount: fromMinor(dispute.amount, dispute.currency),
    dispute_life_cycle_stage: dispute.stage,
    dispute_channel: dispute.channel,
    links: [link(`${world.base}/v1/customer/disputes/${dispute.id}`, 'self')],
  };
}

function viewTransaction({ account }: Dispute, capture: Capture): Record<string, unknown> {
  const { order } = capture;
  return {
    // The payer sees the payment under an id of their own.
    buyer_transaction_id: capture.id.split('').reverse().join(''),
    seller_transaction_id: capture.id,
    create_time: capture.createdAt.toISOString(),
    transaction_status: captureStatus(capture),
    gross_amount: fromMinor(capture.amount, order.currency),
    invoice_number: order.invoiceId,
    custom: order.customId,
    buyer: { name: `${order.payer?.givenName} ${order.payer?.surname}` },
    seller: { email: account.email, merchant_id: account.merchantId, name: 'Test Store' },
    seller_protection_eligible: true,
  };
}

/** The whole dispute, as GET and the webhooks give it. What its list leaves out: transactions and money. */
export function viewDispute(world: World, dispute: Dispute): Record<string, unknown> {
  const { dispute_state: _state, ...summary } = viewSummary(world, dispute);
  const { createdAt, status, movements } = dispute;
  return {
    ...summary,
    disputed_transactions: dispute.captures.map((capture) => viewTransaction(dispute, capture)),
    fee_policy: {},
    dispute_outcome: dispute.outcome,
    // Missing while no money moved. Newer answers tell the same once more, under newer names, beside the
    // old list that PayPal calls deprecated: whoever adds up both counts the money twice.
    ...(movements.length > 0 && {
      money_movements: movements,
      fund_movements: movements.map(({ affected_party: party, ...rest }) => ({ party, ...rest })),
    }),
    messages: [{ posted_by: 'BUYER', time_posted: createdAt.toISOString(), content: 'I did not get this.' }],
    seller_response_due_date:
      status === 'RESOLVED' ? undefined : new Date(createdAt.getTime() + 10 * 86_400_000).toISOString(),
  };
}

export function getDispute({ world, account, id }: Call): Reply {
  const dispute = account.disputes.get(id);
  return dispute === undefined ? refuseUnknown() : { status: 200, body: viewDispute(world, dispute) };
}

function invalid(field: string, value: string | null, description: string): Reply {
  const issue = { field, value: value ?? '', location: 'query' as const };
  return refuse('INVALID_REQUEST', [{ ...issue, issue: 'INVALID_PARAMETER_VALUE', description }]);
}

/** GET /v1/customer/disputes: newest first; `start_time` and `disputed_transaction_id` exclude each other. */
export function listDisputes({ world, account, request: { query } }: Call): Reply {
  const startTime = query.get('start_time');
  const transactionId = query.get('disputed_transaction_id');
  if (startTime !== null && transactionId !== null) {
    return invalid('start_time', startTime, 'Specify either start_time or disputed_transaction_id.');
  }
  const sizeText = query.get('page_size') ?? '10';
  const size = Number(sizeText);
  if (!Number.isInteger(size) || size < 1 || size > 50) {
    return invalid('page_size', sizeText, 'The page size is from 1 to 50.');
  }
  const states = query.get('dispute_state')?.split(',');
  const from = timeOf(startTime);
  const updatedFrom = timeOf(query.get('update_time_after'));
  const updatedUntil = timeOf(query.get('update_time_before'));
  if ([from, updatedFrom, updatedUntil].some(Number.isNaN)) {
    return invalid('start_time', startTime, 'The value is not an Internet date and time.');
  }
  const found = [...account.disputes.values()]
    .filter(
      (dispute) =>
        (from === undefined || dispute.createdAt.getTime() >= from) &&
        (updatedFrom === undefined || dispute.updatedAt.getTime() >= updatedFrom) &&
        (updatedUntil === undefined || dispute.updatedAt.getTime() <= updatedUntil) &&
        (transactionId === null || dispute.captures.some(({ id }) => id === transactionId)) &&
        (states === undefined || states.includes(stateOf(dispute))),
    )
    .reverse();
  const token = query.get('next_page_token');
  const before = token === null ? undefined : Buffer.from(token, 'base64').toString('utf8');
  const at = found.findIndex(({ id }) => id === before);
  if (token !== null && at < 0) return invalid('next_page_token', token, 'Unknown token.');
  const page = found.slice(at + 1, at + 1 + size);
  const last = found.length > at + 1 + size ? page.at(-1)?.id : undefined;
  const items = page.map((dispute) => viewSummary(world, dispute));
  return { status: 200, body: { items, links: pageLinks(world, query, last) } };
}

const timeOf = (text: string | null) => (text === null ? undefined : Date.parse(text));

/** The token names the last dispute shown, so that a new one meanwhile moves no page. */
function pageLinks(world: World, query: URLSearchParams, last: string | undefined) {
  const address = (token: string | undefined) => {
    const copy = new URLSearchParams(query);
    copy.delete('next_page_token');
    if (token !== undefined) copy.set('next_page_token', token);
    return `${world.base}/v1/customer/disputes?${copy}`;
  };
  const links = [
    link(address(query.get('next_page_token') ?? undefined), 'self'),
    link(address(undefined), 'first'),
  ];
  if (last !== undefined) links.push(link(address(Buffer.from(last).toString('base64')), 'next'));
  return links;
}
