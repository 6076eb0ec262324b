// How the console shows one tenant: what needs a person, and the money of its newest reconciliation.
import { html } from 'hono/html';
import type { CurrencyColumns, MoneyTotals } from '#shared/contracts/reconciliation.ts';
import type { ReconciliationRow } from '#shared/db/reconciliation.ts';
import type { TenantRow } from '#shared/db/tenants.ts';
import type { Markup } from '../pages/layout.ts';
import { cell, count, countOf, money, renderTag, renderTime, tenantPath } from './console-frame.ts';

export interface Overview {
  tenant: TenantRow;
  /** What waits for a person. */
  reviews: number;
  held: number;
  failedEvents: number;
  frozenWallets: number;
  /** What it sells for coins. */
  items: Markup;
  /** The newest runs, newest first. */
  runs: ReconciliationRow[];
}

export function renderOverview({
  tenant,
  reviews,
  held,
  failedEvents,
  frozenWallets,
  items,
  runs,
}: Overview): Markup {
  const { slug } = tenant;
  const attention: [string, number, string][] = [
    ['Purchases in review', reviews, `${tenantPath(slug, 'purchases')}?status=review`],
    ['Operations held', held, tenantPath(slug, 'held-operations')],
    ['Events that failed', failedEvents, `${tenantPath(slug, 'provider-events')}?status=failed`],
    ['Frozen wallets', frozenWallets, tenantPath(slug, 'wallets')],
  ];
  const accounts = Object.keys(tenant.sealed).map((name) => name.replace('oauth:', 'login by '));
  return html`<section class="card" aria-labelledby="tenant">
      <h2 id="tenant">${tenant.name} ${renderTag(tenant.status)}</h2>
      <dl class="facts">
        ${attention.map(
          ([name, value, href]) =>
            html`<div><dt>${name}</dt><dd><a href="${href}">${count(value)}</a></dd></div>`,
        )}
        <div><dt>Coin</dt><dd>${tenant.coin.name}</dd></div>
        <div><dt>Accounts at</dt><dd>${accounts.length === 0 ? 'no provider' : accounts.join(', ')}</dd></div>
      </dl>
      <p><a href="/w/${slug}">Open its wallet page</a></p>
    </section>
    ${items}
    ${renderReconciliations(slug, runs)}`;
}

function renderReconciliations(slug: string, runs: ReconciliationRow[]): Markup {
  const providers = Map.groupBy(runs, (run) => run.provider);
  return html`<section class="card" aria-labelledby="reconciliation">
    <h2 id="reconciliation">Reconciliation</h2>
    ${
      providers.size === 0
        ? html`<p class="soft">No run yet. The clock starts one for each account of this tenant.</p>`
        : [...providers].map(([provider, list]) => renderProvider(slug, provider, list))
    }
    <p class="soft small"><a href="/operator/tenants/${slug}/reconciliations">All runs</a> as JSON</p>
  </section>`;
}

/** The newest run, and the figures of the newest that came to its end. */
function renderProvider(slug: string, provider: string, runs: ReconciliationRow[]): Markup {
  const [newest] = runs;
  const done = runs.find((run) => run.status === 'done');
  if (!newest) return html``;
  const { differencesTotal = 0, counts, columns = [] } = done?.report ?? {};
  return html`<h3>${provider} ${renderTag(newest.status)}</h3>
    ${
      newest === done
        ? ''
        : html`<p class="soft small">Newest run ${renderTime(newest.startedAt)}${newest.detail ? `: ${newest.detail}` : ''}</p>`
    }
    ${
      done
        ? html`<p>${countOf(counts?.seen ?? 0, 'payment')} compared, ${count(counts?.repaired ?? 0)} repaired,
            ${differencesTotal === 0 ? 'no differences' : html`<strong>${countOf(differencesTotal, 'difference')}</strong>`}
            (${renderTime(done.toAt)}).
            <a href="/operator/tenants/${slug}/reconciliations/${done.id}.csv">Download</a></p>
          ${columns.length === 0 ? '' : renderColumns(columns)}`
        : ''
    }`;
}

function renderColumns(columns: CurrencyColumns[]): Markup {
  return html`<div class="scroll"><table class="stack">
    <thead><tr><th>Currency</th><th>Provider's money</th><th>Ledger</th><th>Coins unspent</th></tr></thead>
    <tbody>${columns.map(
      ({ currency, purchases, provider, ledger, liability }) => html`<tr>
        ${cell('Currency', html`${currency.toUpperCase()}<br /><span class="soft small">${countOf(purchases, 'purchase')}</span>`)}
        ${cell("Provider's money", renderTotals(provider, currency))}
        ${cell('Ledger', renderTotals(ledger, currency))}
        ${cell(
          'Coins unspent',
          html`<span class="amount">${money(liability.value, currency)}</span><br />
            <span class="soft small">${countOf(liability.coins, 'coin')}</span>`,
        )}
      </tr>`,
    )}</tbody>
  </table></div>`;
}

function renderTotals({ captured, refunded, disputed, net }: MoneyTotals, currency: string): Markup {
  return html`<span class="amount">${money(net, currency)}</span><br />
    <span class="soft small">${money(captured, currency)} paid, ${money(refunded, currency)} refunded,
      ${money(disputed, currency)} disputed</span>`;
}
