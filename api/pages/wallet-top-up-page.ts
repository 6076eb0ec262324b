// The parts of the hosted wallet about stored ways of paying, and about buying coins by itself with one of them.
import { html } from 'hono/html';
import { amountMax } from '#shared/contracts/operation.ts';
import { storingProviders, topUpsPerDayMax } from '#shared/contracts/payment-methods.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Markup } from './layout.ts';
import { renderSay } from './wallet-sign-in-page.ts';

const canStore = (providers: string[]) => providers.some((name) => storingProviders.includes(name));

/** In the form that buys coins. */
export function renderStoreChoice(providers: string[]): Markup {
  if (!canStore(providers)) return html``;
  return html`<label class="choice"><input type="checkbox" name="storeMethod" value="yes" />Keep this way of paying
    for automatic top-ups</label>`;
}

/** Hidden until the user has a stored way of paying, or a rule. */
export function renderTopUp({ coin, settings }: Tenant, providers: string[]): Markup {
  if (!canStore(providers)) return html``;
  const packs = settings.packs.map(
    (pack) => html`<option value="${pack.id}" data-coin="${pack.coin ?? coin.code}" data-price="${pack.price}"
      data-currency="${pack.currency}">${pack.name}, ${new Intl.NumberFormat('en').format(pack.coins)}</option>`,
  );
  return html`<section id="top-up-card" class="card" aria-labelledby="top-up-title" hidden>
      <h2 id="top-up-title">Automatic top-up</h2>
      <p id="top-up-state" role="status"></p>
      <form id="top-up" class="grid">
        ${renderSay('top-up')}
        <div class="grid pair">
          <div>
            <label for="top-up-below">When fewer are left than</label>
            <input id="top-up-below" name="below" type="number" inputmode="numeric" min="1" max="${amountMax}"
              step="1" value="100" required />
          </div>
          <div><label for="top-up-pack">buy</label><select id="top-up-pack" name="pack">${packs}</select></div>
          <div><label for="top-up-method">and pay with</label><select id="top-up-method" name="method"></select></div>
          <div>
            <label for="top-up-times">at most so often a day</label>
            <input id="top-up-times" name="maxPerDay" type="number" inputmode="numeric" min="1"
              max="${topUpsPerDayMax}" step="1" value="1" required />
          </div>
        </div>
        <div><button type="submit">Switch on</button></div>
      </form>
      <form id="top-up-end" class="row">
        ${renderSay('top-up-end')}
        <button class="quiet" type="submit">Switch off</button>
      </form>
      <h3>Stored ways of paying</h3>
      <form id="methods">
        ${renderSay('methods')}
        <ul id="methods-lines" class="list"></ul>
      </form>
      <template id="methods-line">
        <li>
          <span class="what"><strong data-part="label"></strong><br />
            <span data-part="about" class="soft small"></span></span>
          <button data-part="remove" class="quiet small" type="submit" name="id">Remove</button>
        </li>
      </template>
    </section>`;
}
