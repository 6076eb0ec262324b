// Lists what happened at PayPal in a stretch of time, so that missed webhooks are found.
import type { ProviderHint } from '../provider.ts';
import { ProviderUnavailable } from '../unavailable.ts';
import { transactionList } from './answers.ts';
import { type Api, name, understand } from './api.ts';
import { listDisputes } from './look.ts';

type Hint = Exclude<ProviderHint, { about: 'nothing' }>;

export interface Stretch {
  from: Date;
  to: Date;
}

const dayMs = 86_400_000;
/** Transaction Search v1: the longest range of one request. */
const windowMsMax = 31 * dayMs;
/** A transaction is shown up to three hours after it was made, under the time when it was made. */
const reportingDelayMs = 4 * 3_600_000;
/** Disputes v1 looks back this far. */
const disputesBackMs = 179 * dayMs;
const pageSize = 500;
/** A result of more than 10,000 transactions is refused; a range is halved until it fits, down to this. */
const windowMsMin = 60_000;

/**
 * `open` begins a call with a deadline of its own: each page has one. Of the tenant's other business at
 * PayPal, whatever carries another text than ours is left out.
 */
export async function* listChanges(
  open: () => Api,
  tenant: string,
  { from, to }: Stretch,
): AsyncGenerator<Hint> {
  const start = from.getTime() - reportingDelayMs;
  for (let at = start; at < to.getTime(); at += windowMsMax) {
    const end = Math.min(at + windowMsMax, to.getTime());
    yield* listTransactions(open, tenant, { from: new Date(at), to: new Date(end) });
  }
  const earliest = Date.now() - disputesBackMs;
  if (to.getTime() <= earliest) return;
  const ids = await listDisputes(open(), {
    update_time_after: new Date(Math.max(from.getTime(), earliest)).toISOString(),
    update_time_before: to.toISOString(),
  });
  for (const ref of ids) yield { about: 'dispute', ref };
}

async function* listTransactions(open: () => Api, tenant: string, range: Stretch): AsyncGenerator<Hint> {
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const query = new URLSearchParams({
      start_date: range.from.toISOString(),
      end_date: range.to.toISOString(),
      fields: 'transaction_info',
      // Also what is pending or was denied: its webhook may be the one that was missed.
      balance_affecting_records_only: 'N',
      page_size: String(pageSize),
      page: String(page),
    });
    const reply = await open().send({ method: 'GET', path: `/v1/reporting/transactions?${query}` });
    if (reply.issues.includes('RESULTSET_TOO_LARGE')) {
      yield* listHalves(open, tenant, range);
      return;
    }
    const list = understand(transactionList, reply, 'GET /v1/reporting/transactions');
    pages = list.total_pages;
    for (const { transaction_info } of list.transaction_details) {
      const hint = hintOf(transaction_info, tenant);
      if (hint) yield hint;
    }
  }
}

async function* listHalves(open: () => Api, tenant: string, { from, to }: Stretch): AsyncGenerator<Hint> {
  if (to.getTime() - from.getTime() < windowMsMin) {
    throw new ProviderUnavailable(name, 'lists more transactions in a minute than it shows');
  }
  const middle = new Date(Math.floor((from.getTime() + to.getTime()) / 2));
  yield* listTransactions(open, tenant, { from, to: middle });
  yield* listTransactions(open, tenant, { from: middle, to });
}

interface Transaction {
  transaction_id: string;
  paypal_reference_id?: string;
  paypal_reference_id_type?: string;
  transaction_event_code: string;
  custom_field?: string;
}

/** T00xx are payments; T11xx returns and reversals and T12xx chargebacks, which name what they undo. */
function hintOf(transaction: Transaction, tenant: string): Hint | undefined {
  const { transaction_id, paypal_reference_id, paypal_reference_id_type, custom_field } = transaction;
  const group = transaction.transaction_event_code.slice(0, 3);
  if (group === 'T00') {
    const isOurs = custom_field === undefined || custom_field.startsWith(`${tenant}:`);
    return isOurs ? { about: 'payment', ref: transaction_id } : undefined;
  }
  if ((group !== 'T11' && group !== 'T12') || paypal_reference_id === undefined) return undefined;
  const about = paypal_reference_id_type === 'ODR' ? 'checkout' : 'payment';
  return { about, ref: paypal_reference_id };
}
