// How the console shows what a tenant sells for coins, and what is left of it.
import { html } from 'hono/html';
import type { CatalogueItem } from '#shared/tenants/item-settings.ts';
import type { Markup } from '../pages/layout.ts';
import { cell, count, countOf, renderTag, renderTime } from './console-frame.ts';

/** `sold` counts the units of items with a stock. Changed by `PATCH /operator/tenants/{slug}`, as packs are. */
export function renderItems(
  items: CatalogueItem[],
  coin: string,
  sold: ReadonlyMap<string, number>,
  now: number,
): Markup {
  if (items.length === 0) return html``;
  return html`<section class="card" aria-labelledby="items">
    <h2 id="items">Items</h2>
    <div class="scroll"><table class="stack">
      <thead><tr><th>Item</th><th>Price</th><th>Sold</th><th>For each user</th><th>On sale</th></tr></thead>
      <tbody>${items.map(
        (item) => html`<tr>
          ${cell('Item', html`${item.name}<br /><span class="soft small"><code>${item.id}</code>, ${item.kind}</span>`)}
          ${cell('Price', html`<span class="amount">${count(item.price)} ${item.coin ?? coin}</span>`)}
          ${cell('Sold', soldOf(item, sold.get(item.id) ?? 0))}
          ${cell('For each user', item.perUser === undefined ? 'any number' : countOf(item.perUser, 'unit'))}
          ${cell('On sale', whenOf(item, sold.get(item.id) ?? 0, now))}
        </tr>`,
      )}</tbody>
    </table></div>
  </section>`;
}

const soldOf = ({ stock }: CatalogueItem, sold: number) =>
  stock === undefined ? 'no limit' : `${count(sold)} of ${count(stock)}`;

function whenOf({ archived, stock, from, until }: CatalogueItem, sold: number, now: number): Markup {
  if (archived) return renderTag('archived');
  if (until !== undefined && Date.parse(until) <= now) return html`until ${renderTime(new Date(until))}`;
  if (from !== undefined && Date.parse(from) > now) return html`from ${renderTime(new Date(from))}`;
  if (stock !== undefined && sold >= stock) return renderTag('sold out');
  return html`${renderTag('active')}${until === undefined ? '' : html` until ${renderTime(new Date(until))}`}`;
}
