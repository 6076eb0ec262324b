// How the console shows by which rule a wallet is topped up, where it has one.
import { html } from 'hono/html';
import { withTenant } from '#shared/db/pool.ts';
import { findTopUp, type TopUpRow } from '#shared/db/top-ups.ts';
import type { ApiDeps } from '../context.ts';
import type { Markup } from '../pages/layout.ts';
import { count, money, renderTime, tenantPath } from './console-frame.ts';

export async function readTopUp({ db }: ApiDeps, slug: string, walletId: string): Promise<Markup> {
  const rule = await withTenant(db.app, slug, (tx) => findTopUp(tx, walletId));
  return rule ? renderTopUp(slug, rule) : html``;
}

function renderTopUp(slug: string, rule: TopUpRow): Markup {
  const { pack, coins, price, currency, below, maxPerDay, enabled, disabledReason, lastOperationId } = rule;
  const facts: [string, unknown][] = [
    ['Buys', `${pack ?? 'coins'}: ${count(coins)} for ${money(price, currency)} at most`],
    ['When', `below ${count(below)}, ${count(maxPerDay)} a day at most`],
    ['Paid with', rule.methodLabel ?? 'a method that is removed'],
    ['State', enabled ? 'on' : `off: ${disabledReason}`],
    ['Set', renderTime(rule.updatedAt)],
  ];
  return html`<section class="card" aria-labelledby="top-up">
    <h2 id="top-up">Automatic top-up</h2>
    <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${
      lastOperationId === null
        ? html`<p class="soft">It has bought nothing yet.</p>`
        : html`<p><a href="${tenantPath(slug, 'purchases', lastOperationId)}">Its last purchase</a></p>`
    }
  </section>`;
}
