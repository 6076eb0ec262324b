// A statement as a page that prints well: A4, numbered pages, nothing loaded from anywhere.
import { html, raw } from 'hono/html';
import type { StatementLine } from '#shared/db/statements.ts';
import type { ApiDeps } from '../context.ts';
import { createTotals, pagesOf, type Statement } from './statement.ts';

const style = `
  :root { color-scheme: light; }
  * { box-sizing: border-box; }
  body { margin: 2rem auto; padding: 0 1.25rem; max-width: 60rem; color: #17211d; background: #fff;
    font: 0.875rem/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
  header { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 1rem; align-items: flex-start;
    border-bottom: 2px solid #0b6b53; padding-bottom: 0.75rem; margin-bottom: 1.25rem; }
  h1 { margin: 0; font-size: 1.4rem; line-height: 1.2; }
  h2 { margin: 1.75rem 0 0.5rem; font-size: 1rem; }
  .soft { color: #56655f; }
  .right { text-align: right; }
  dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0.75rem; margin: 0 0 1.25rem; }
  dt { color: #56655f; font-size: 0.75rem; }
  dd { margin: 0; font-size: 1.05rem; font-variant-numeric: tabular-nums; }
  table { width: 100%; border-collapse: collapse; font-size: 0.8rem; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  th, td { padding: 0.3rem 0.5rem; text-align: left; vertical-align: top; border-bottom: 1px solid #dbe3df; }
  th { color: #56655f; font-weight: 600; border-bottom-color: #0b6b53; }
  td:first-child { white-space: nowrap; }
  th.n, td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
  td.words { overflow-wrap: anywhere; }
  tr.sum td { font-weight: 600; background: #f1f6f4; }
  .totals { max-width: 24rem; break-inside: avoid; }
  code { font-size: 0.75rem; overflow-wrap: anywhere; }
  @page { size: A4; margin: 18mm 15mm 20mm;
    @bottom-left { content: "Times in UTC. Amounts in whole coins."; font: 8pt sans-serif; color: #56655f; }
    @bottom-right { content: "Page " counter(page) " of " counter(pages); font: 8pt sans-serif; color: #56655f; } }
  @media print { body { margin: 0; padding: 0; max-width: none; font-size: 9pt; }
    tr.sum td { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;

const names: Record<string, string> = {
  write_off: 'Written off',
  clawback: 'Taken back by the bank',
  reversal: 'Put back',
  expiry: 'Run out',
  capture: 'Spent from a hold',
  release: 'Hold let go',
  payout: 'Paid out in money',
  payout_return: 'Payout that came back',
};
const nameOf = (kind: string) => names[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1);

const timeOf = (date: Date) => `${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 19)}`;
const count = (value: number) => new Intl.NumberFormat('en').format(value);
/** With a true minus sign, and a plus where coins came. */
const signed = (value: number) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${count(Math.abs(value))}`;

/** The policy of the page, which it also carries itself: a saved file obeys it, too. */
export const statementPolicy = (nonce: string) =>
  `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'`;

export async function* toPage(
  deps: Pick<ApiDeps, 'db'>,
  statement: Statement,
  nonce: string,
): AsyncGenerator<string> {
  const totals = createTotals();
  yield String(await head(statement, nonce));
  yield String(await sumRow('Opening balance', statement.from, statement.opening));
  for await (const lines of pagesOf(deps, statement)) {
    totals.add(lines);
    yield (await Promise.all(lines.map(lineRow))).join('');
  }
  yield String(await sumRow('Closing balance', statement.to, statement.closing));
  yield String(
    await html`</tbody></table>
    <h2>Totals</h2>
    <table class="totals">
      <thead><tr><th>Kind</th><th class="n">Postings</th><th class="n">Coins</th></tr></thead>
      <tbody>${totals.list().map(
        (total) => html`<tr><td>${nameOf(total.kind)}</td><td class="n">${count(total.count)}</td>
          <td class="n">${signed(total.amount)}</td></tr>`,
      )}
      <tr class="sum"><td>Change</td><td class="n"></td>
        <td class="n">${signed(statement.closing - statement.opening)}</td></tr></tbody>
    </table>
  `,
  );
  yield '</body></html>\n';
}

/** Its closing tags follow with the last piece. */
function head(statement: Statement, nonce: string) {
  const { platform, walletId, owner, userId, currency, from, to, issuedAt, opening, closing } = statement;
  const facts: [string, string][] = [
    ['Opening balance', `${count(opening)} ${currency}`],
    ['Change', `${signed(closing - opening)} ${currency}`],
    ['Closing balance', `${count(closing)} ${currency}`],
  ];
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width, initial-scale=1" />
  <meta http-equiv="Content-Security-Policy" content="${statementPolicy(nonce)}" />
  <title>Statement · ${platform}</title>
  <style nonce="${nonce}">${raw(style)}</style>
</head>
<body>
  <header>
    <div><h1>Statement</h1><div class="soft">${platform}</div></div>
    <div class="right"><strong>${owner ?? 'User'}</strong><br /><code class="soft">user ${userId}</code><br />
      <code class="soft">wallet ${walletId}</code></div>
  </header>
  <p>${from === null ? 'From the beginning' : html`From <time datetime="${from.toISOString()}">${timeOf(from)}</time>`}
    until <time datetime="${to.toISOString()}">${timeOf(to)}</time> UTC.
    <span class="soft">Issued ${timeOf(issuedAt)} UTC.</span></p>
  <dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  <table>
    <thead><tr><th>Time</th><th>What</th><th>Reference</th><th class="n">Coins</th><th class="n">Balance</th></tr></thead>
    <tbody>`;
}

function sumRow(name: string, at: Date | null, balance: number) {
  return html`<tr class="sum"><td>${at === null ? '' : timeOf(at)}</td><td colspan="2">${name}</td><td class="n"></td>
    <td class="n">${count(balance)}</td></tr>`;
}

async function lineRow({
  createdAt,
  kind,
  item,
  reference,
  amount,
  balanceAfter,
}: StatementLine): Promise<string> {
  const words = [item, reference].filter((each) => each !== null).join(' · ');
  return String(
    await html`<tr><td>${timeOf(createdAt)}</td><td>${nameOf(kind)}</td><td class="words">${words}</td>
      <td class="n">${signed(amount)}</td><td class="n">${count(balanceAfter)}</td></tr>`,
  );
}
