// How the console explains a wallet's balance, and hands out its statement.
import { html } from 'hono/html';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from '../context.ts';
import type { Markup } from '../pages/layout.ts';
import { type Explanation, explain } from '../reading/explain.ts';
import { answerStatement, statementQuery } from '../reading/statement-answer.ts';
import type { createRouter } from '../routes/router.ts';
import { cell, count, money, renderTime, tenantPath } from './console-frame.ts';
import { requireWallet } from './freezes.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { tenantBase as base, filled, type Pages, param, read } from './tenant-frame.ts';

/** Lots on a page that is for reading; the API tells all. */
const lotsShown = 50;

export async function readExplanation(deps: ApiDeps, slug: string, walletId: string): Promise<Markup> {
  const told = await withTenant(deps.db.app, slug, (tx) => explain(tx, walletId, undefined));
  return renderExplanation(slug, told);
}

type Lot = Explanation['lots'][number];

/** From the purchase or grant on, hand by hand. */
function renderOrigin(slug: string, { origin }: Lot): Markup {
  const steps = origin.toReversed().map(({ kind, purchase, operationId, reference, fromUserId, at }) => {
    const words = kind === 'opening' ? 'opening balance' : kind;
    const name =
      purchase && operationId
        ? html`<a href="${tenantPath(slug, 'purchases', operationId)}">purchase</a> of
            ${money(purchase.price.amount, purchase.price.currency)}`
        : html`${words}${fromUserId ? html` from <code>${fromUserId}</code>` : ''}`;
    return html`<div>${name}${reference ? html`: ${reference}` : ''},
      <span class="soft small">${renderTime(new Date(at))}</span></div>`;
  });
  return html`${steps}`;
}

function renderExplanation(slug: string, { lots, rest, walletId, held }: Explanation): Markup {
  const shown = lots.slice(0, lotsShown);
  const more = lots.length - shown.length + rest.lots;
  const table = html`<table class="stack">
    <thead><tr><th>Coins</th><th>Cost</th><th>Colour</th><th>Runs out</th><th>From</th></tr></thead>
    <tbody>${shown.map(
      (lot) => html`<tr>
        ${cell(
          'Coins',
          html`${count(lot.coins)}${lot.holdId ? html` <span class="tag">held</span>` : ''}
            <span class="soft small">of ${count(lot.made)}</span>`,
        )}
        ${cell('Cost', lot.cost ? money(lot.cost.amount, lot.cost.currency) : 'none')}
        ${cell('Colour', `${lot.bucket}, priority ${lot.priority}`)}
        ${cell('Runs out', lot.expiresAt === null ? 'never' : renderTime(new Date(lot.expiresAt)))}
        ${cell('From', renderOrigin(slug, lot))}
      </tr>`,
    )}</tbody>
  </table>`;
  const statement = tenantPath(slug, 'wallets', walletId, 'statement');
  return html`<section class="card" aria-labelledby="lots">
    <h2 id="lots">Where the coins come from</h2>
    ${
      lots.length === 0
        ? html`<p class="soft">There are none.</p>`
        : html`<p class="soft small">In the order in which they are spent${held > 0 ? ', then those that are held' : ''}.</p>
          <div class="scroll">${table}</div>`
    }
    ${more > 0 ? html`<p class="soft">And ${count(more)} more.</p>` : ''}
    <form method="get" action="${statement}" class="row filters">
      <div><label for="from">Statement from <span class="soft">(UTC)</span></label>
        <input id="from" name="from" type="date" /></div>
      <div><label for="to">before</label><input id="to" name="to" type="date" /></div>
      <button class="quiet" type="submit" name="format" value="html">Open</button>
      <button class="quiet" type="submit" name="format" value="csv">CSV</button>
    </form>
  </section>`;
}

/** A form knows days, the API times. */
const startOfDay = (text: string | undefined) =>
  text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;

export function addStatementPage(app: ReturnType<typeof createRouter>, deps: ApiDeps, { page }: Pages): void {
  app.get(
    `${base}/wallets/:walletId/statement`,
    page('wallets', async (c) => {
      const slug = param(c, 'slug');
      const { from, to, ...rest } = filled(c.req.query());
      const times = { from: startOfDay(from), to: startOfDay(to) };
      const query = read(statementQuery, { ...rest, ...times });
      const wallet = await requireWallet(deps, slug, param(c, 'walletId'));
      const issuer = await requireTenantRow(deps, slug);
      return answerStatement(c, deps, { issuer, walletId: wallet.id }, query);
    }),
  );
}
