// A reconciliation as a table for spreadsheets: one line per figure, provider, ledger and coins side by side.
import type { MoneyTotals, ReconciliationReport } from '#shared/contracts/reconciliation.ts';
import type { ReconciliationRow } from '#shared/db/reconciliation.ts';
import { type Cell, toCsvLine } from '../csv.ts';

const header = [
  ...['section', 'currency', 'item', 'provider_money', 'ledger_money', 'difference'],
  ...['liability_coins', 'liability_money', 'purchase_id', 'reference', 'detail'],
];

const figures = ['captured', 'refunded', 'disputed', 'net'] as const;

/** RFC 4180. Money is in minor units of the line's currency. */
export function toCsv(run: ReconciliationRow): string {
  const { columns = [], books = [], coins, differences = [], repairs = [] } = run.report;
  const lines: Cell[][] = [header, ...describeRun(run)];
  for (const { currency, provider, ledger, difference, liability } of columns) {
    for (const item of figures) {
      const gap = item === 'net' ? difference : provider[item] - ledger[item];
      const owed = item === 'net' ? [liability.coins, liability.value] : [];
      lines.push(['run', currency, item, provider[item], ledger[item], gap, ...owed]);
    }
  }
  for (const sums of books) {
    for (const item of figures) lines.push(['all_time', sums.currency, item, null, sums[item]]);
  }
  for (const item of ['paid', 'bonus', 'debt', 'unpriced'] as const) {
    if (coins) lines.push(['coins', null, item, null, null, null, coins[item]]);
  }
  lines.push(...differences.map(toDifferenceLine));
  lines.push(
    ...repairs.map(({ purchaseId, before, after }) => [
      ...['repair', null, null, null, null, null, null, null],
      ...[purchaseId, null, `${before} -> ${after}`],
    ]),
  );
  return lines.map((line) => toCsvLine(header.map((_, index) => line[index]))).join('');
}

function describeRun(run: ReconciliationRow): Cell[][] {
  const about = (item: string, detail: Cell): Cell[] => [
    ...['about', null, item, null, null, null, null, null, null, null],
    detail,
  ];
  return [
    about('tenant', run.tenant),
    about('provider', run.provider),
    about('from', run.fromAt.toISOString()),
    about('to', run.toAt.toISOString()),
    about('status', run.status),
    ...(run.detail === null ? [] : [about('detail', run.detail)]),
    ...Object.entries(run.report.counts ?? {}).map(([name, count]) => about(name, count)),
  ];
}

function toDifferenceLine(difference: ReconciliationReport['differences'][number]): Cell[] {
  const { kind, currency, provider, ledger, purchaseId, ref, detail } = difference;
  const gap = provider && ledger ? provider.net - ledger.net : null;
  const net = (totals: MoneyTotals | null) => totals?.net;
  return ['difference', currency, kind, net(provider), net(ledger), gap, null, null, purchaseId, ref, detail];
}
