// Transaction Search v1: all money movements of an account within 31 days, page by page.
import { fromMinor } from './money.ts';
import { type Call, type Reply, refuse } from './reply.ts';
import type { Transaction, World } from './world.ts';

const dayMs = 86_400_000;
const rangeMsMax = 31 * dayMs;
const searchableMs = 3 * 365 * dayMs;

function invalid(issue: string): Reply {
  return refuse('INVALID_REQUEST', [{ issue, description: issue }]);
}

/** Times as this API alone writes them: no colon in the offset. */
const stamp = (at: Date) => `${at.toISOString().slice(0, 19)}+0000`;

function viewTransaction(transaction: Transaction, accountId: string): Record<string, unknown> {
  const { currency, at } = transaction;
  return {
    transaction_info: {
      paypal_account_id: accountId,
      transaction_id: transaction.id,
      paypal_reference_id: transaction.referenceId,
      paypal_reference_id_type: transaction.referenceType,
      transaction_event_code: transaction.code,
      transaction_initiation_date: stamp(at),
      transaction_updated_date: stamp(at),
      transaction_amount: fromMinor(transaction.amount, currency),
      ...(transaction.fee !== 0 && { fee_amount: fromMinor(transaction.fee, currency) }),
      transaction_status: transaction.status(),
      invoice_id: transaction.invoiceId,
      custom_field: transaction.customId,
      protection_eligibility: '01',
    },
  };
}

/** GET /v1/reporting/transactions. By default only what changed the balance (statuses S and V). */
export function listTransactions({ world, account, request: { query } }: Call): Reply {
  const start = Date.parse(query.get('start_date') ?? '');
  const end = Date.parse(query.get('end_date') ?? '');
  if (Number.isNaN(start) || Number.isNaN(end)) return invalid('Invalid start_date or end_date');
  if (end < start) return invalid('Start date is after end date');
  if (end - start > rangeMsMax) return invalid('Date range is greater than 31 days');
  if (start < Date.now() - searchableMs) return invalid('Data for the given start date is not available.');
  const size = Number(query.get('page_size') ?? 100);
  const page = Number(query.get('page') ?? 1);
  if (!Number.isInteger(size) || size < 1 || size > 500) return invalid('Invalid page_size');
  if (!Number.isInteger(page) || page < 1) return invalid('Invalid page');

  const refreshedAt = new Date(Date.now() - world.behaviour.reportingLagMs);
  const all = query.get('balance_affecting_records_only') === 'N';
  const code = query.get('transaction_type');
  const id = query.get('transaction_id');
  const status = query.get('transaction_status');
  const found = account.transactions.filter(
    (transaction) =>
      transaction.at.getTime() >= start &&
      transaction.at.getTime() <= end &&
      transaction.at <= refreshedAt &&
      (all || ['S', 'V'].includes(transaction.status())) &&
      (code === null || transaction.code === code) &&
      (id === null || transaction.id === id) &&
      (status === null || transaction.status() === status),
  );
  return {
    status: 200,
    body: {
      transaction_details: found
        .slice((page - 1) * size, page * size)
        .map((transaction) => viewTransaction(transaction, account.merchantId)),
      account_number: account.merchantId,
      start_date: stamp(new Date(start)),
      end_date: stamp(new Date(end)),
      last_refreshed_datetime: stamp(refreshedAt),
      page,
      total_items: found.length,
      total_pages: Math.ceil(found.length / size),
      links: pageLinks(world, query, page, Math.ceil(found.length / size)),
    },
  };
}

function pageLinks(world: World, query: URLSearchParams, page: number, pages: number) {
  const address = (number: number, rel: string) => {
    const copy = new URLSearchParams(query);
    copy.set('page', String(number));
    return { href: `${world.base}/v1/reporting/transactions?${copy}`, rel, method: 'GET' };
  };
  return [
    address(page, 'self'),
    ...(page > 1 ? [address(page - 1, 'prev')] : []),
    ...(page < pages ? [address(page + 1, 'next'), address(pages, 'last')] : []),
  ];
}
