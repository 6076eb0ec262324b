// A statement as JSON and as a table for spreadsheets, piece by piece, so that a long one never is in memory whole.
import type { StatementLine } from '#shared/db/statements.ts';
import type { ApiDeps } from '../context.ts';
import { type Cell, toCsvLine } from '../csv.ts';
import { createTotals, pagesOf, type Statement } from './statement.ts';

const header = [
  'record',
  'time',
  'kind',
  'amount',
  'balance',
  'version',
  'operation_id',
  'item',
  'reference',
];

type Deps = Pick<ApiDeps, 'db'>;
const timeOf = (date: Date | null) => date?.toISOString() ?? null;

/** Records `opening`, `line`, `total` for each kind, and `closing`. Amounts are signed whole coins, times UTC. */
export async function* toCsv(deps: Deps, statement: Statement): AsyncGenerator<string> {
  const totals = createTotals();
  const record = (...cells: Cell[]) => toCsvLine(header.map((_, index) => cells[index]));
  const { from, to, opening, closing, span } = statement;
  yield record(...header) + record('opening', timeOf(from), null, null, opening, span.after);
  for await (const lines of pagesOf(deps, statement)) {
    totals.add(lines);
    yield lines
      .map((line) => {
        const { kind, amount, balanceAfter, version, operationId, item, reference, createdAt } = line;
        return record(
          'line',
          timeOf(createdAt),
          kind,
          amount,
          balanceAfter,
          version,
          operationId,
          item,
          reference,
        );
      })
      .join('');
  }
  for (const { kind, amount } of totals.list()) yield record('total', null, kind, amount);
  yield record('closing', timeOf(to), null, closing - opening, closing, span.through);
}

const toJsonLine = ({ createdAt, ...line }: StatementLine) =>
  JSON.stringify({ ...line, createdAt: createdAt.toISOString() });

/** One object; its totals come last, when all lines have passed. */
export async function* toJson(deps: Deps, statement: Statement): AsyncGenerator<string> {
  const totals = createTotals();
  const { walletId, userId, currency, from, to, issuedAt, opening, closing } = statement;
  const head = { walletId, userId, currency, from, to, issuedAt, opening, closing };
  yield `${JSON.stringify(head).slice(0, -1)},"lines":[`;
  let separator = '';
  for await (const lines of pagesOf(deps, statement)) {
    totals.add(lines);
    yield separator + lines.map(toJsonLine).join(',');
    separator = ',';
  }
  yield `],"totals":${JSON.stringify(totals.list())}}`;
}
