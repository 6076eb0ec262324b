// The parts of the hosted wallet that sell items for coins and show what is owned, where a tenant has any.
import { html } from 'hono/html';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Markup } from './layout.ts';
import { renderSay } from './wallet-sign-in-page.ts';

/** Both stay hidden until there is something in them. */
export function renderShop({ settings }: Tenant): Markup {
  if (settings.items.length === 0) return html``;
  return html`<section id="shop-card" class="card" aria-labelledby="shop-title" hidden>
      <h2 id="shop-title">Shop</h2>
      ${renderSay('shop')}
      <form id="shop"><ul id="shop-lines" class="list"></ul></form>
      <template id="shop-line">
        <li>
          <span class="what"><strong data-part="name"></strong> <span data-part="owned" class="tag"></span><br />
            <span data-part="about" class="soft small"></span></span>
          <span data-part="state" class="soft"></span>
          <button data-part="buy" class="small" type="submit" name="item"></button>
        </li>
      </template>
    </section>
    <section id="owned-card" class="card" aria-labelledby="owned-title" hidden>
      <h2 id="owned-title">My items</h2>
      ${renderSay('owned')}
      <form id="owned"><ul id="owned-lines" class="list"></ul></form>
      <template id="owned-line">
        <li>
          <span class="what"><strong data-part="name"></strong><br />
            <span data-part="about" class="soft small"></span></span>
          <button data-part="use" class="quiet small" type="submit" name="id">Use one</button>
        </li>
      </template>
      <form id="owned-more" hidden>
        ${renderSay('owned-more')}
        <button class="quiet" type="submit">Load more</button>
      </form>
    </section>`;
}
