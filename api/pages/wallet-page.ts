// How the hosted wallet looks before its script has anything to show: all of its parts, ready to be filled in.
import type { Context } from 'hono';
import { html, raw } from 'hono/html';
import { amountMax } from '#shared/contracts/operation.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { OauthProvider, Pack } from '#shared/tenants/settings.ts';
import type { ApiEnv } from '../context.ts';
import { type Markup, renderPage } from './layout.ts';
import { renderOrigins } from './wallet-origins-page.ts';
import { renderCoinChoice, renderSend } from './wallet-send-page.ts';
import { renderShop } from './wallet-shop-page.ts';
import { renderSay, renderSignedOut } from './wallet-sign-in-page.ts';
import { renderStoreChoice, renderTopUp } from './wallet-top-up-page.ts';

interface WalletPage {
  tenant: Tenant;
  /** Payment providers that a user may choose. */
  providers: string[];
  /** Providers of logins that the tenant has a client at. */
  oauth: OauthProvider[];
  /** The public address of this page, where such a login comes back to. */
  returnTo: string;
  /** Of the pages that may use passkeys; null: none. */
  passkeyOrigin: string | null;
  /** Where the scripts are. */
  assets: string;
  /** Where the library for passkeys is. */
  webauthn: string;
}

const payLabels: Record<string, string> = {
  stripe: 'Pay by card',
  paypal: 'Pay with PayPal',
  sandbox: 'Pay in the sandbox',
};

export function renderWallet(c: Context<ApiEnv>, page: WalletPage) {
  const { tenant, providers, oauth, returnTo, passkeyOrigin, assets, webauthn } = page;
  const { coin, settings } = tenant;
  const forClient = {
    tenant: tenant.slug,
    name: tenant.name,
    returnTo,
    coin,
    coins: settings.coins,
    coinPrice: settings.coinPrice,
    refunds: settings.refunds.byUsers,
    passkeyOrigin,
    webauthn,
  };
  return renderPage(c, {
    title: `${tenant.name} wallet`,
    home: `/w/${tenant.slug}`,
    modules: [`${assets}/wallet-client.js`],
    main: html`
      <script type="application/json" id="settings">${raw(JSON.stringify(forClient).replaceAll('<', '\\u003c'))}</script>
      <noscript><div class="note bad">This wallet needs JavaScript.</div></noscript>
      <div id="signed-out" hidden>${renderSignedOut(tenant, oauth)}</div>
      <div id="signed-in" hidden>
        <div class="row apart">
          <h1>${tenant.name}</h1>
          <form id="logout" class="row">
            <span id="who" class="soft"></span>
            <a href="/w/${tenant.slug}/account">Account</a>
            <button class="link" type="submit">Log out</button>
            <span id="logout-say" hidden></span>
          </form>
        </div>
        ${renderSay('wallet')}
        <section class="card" aria-labelledby="balance-title">
          <h2 id="balance-title">Balance</h2>
          ${renderCoinChoice(tenant)}
          <p><span id="balance" class="big">…</span>
            <abbr id="coin-code" title="${coin.name}">${coin.code}</abbr></p>
          <p id="balance-parts" class="soft small"></p>
          <div id="debt" class="note" role="status" hidden></div>
          <div id="frozen" class="note" role="alert" hidden></div>
        </section>
        ${renderBuy(tenant, providers)}
        ${renderTopUp(tenant, providers)}
        ${renderShop(tenant)}
        ${renderSpend()}
        ${settings.transfers.byUsers ? renderSend(settings.transfers.feeBps) : ''}
        ${renderHistory()}
        ${renderOrigins()}
        ${renderRefund()}
      </div>`,
  });
}

function renderBuy({ coin, settings }: Tenant, providers: string[]): Markup {
  if (providers.length === 0) return html``;
  return html`<section class="card" aria-labelledby="buy-title">
    <h2 id="buy-title">Buy</h2>
    <form id="buy" class="grid">
      ${renderSay('buy')}
      <fieldset class="grid">
        <legend class="unseen">What to buy</legend>
        ${settings.packs.map((pack, place) => renderPack(pack, pack.coin ?? coin.code, place === 0))}
        <div class="choice">
          <input id="custom" type="radio" name="pack" value="" data-coin="${coin.code}" ${settings.packs.length === 0 ? 'checked' : ''} />
          <label for="custom" class="unseen">Any number of coins</label>
          <label for="coins" class="unseen">Number of coins</label>
          <input id="coins" name="coins" type="number" inputmode="numeric" min="1" max="1000000000" step="1" value="100" />
          <span class="soft">${coin.code}</span>
          <span id="coins-price" class="amount"></span>
        </div>
      </fieldset>
      ${renderStoreChoice(providers)}
      <div class="row ways">
        ${providers.map(
          (name, place) => html`<button class="${place === 0 ? '' : 'quiet'}" type="submit" name="provider"
            value="${name}">${payLabels[name] ?? name}</button>`,
        )}
      </div>
      ${providers.includes('sandbox') ? html`<p class="soft small">The sandbox moves no real money.</p>` : ''}
    </form>
  </section>`;
}

function renderPack(pack: Pack, code: string, chosen: boolean): Markup {
  return html`<label class="choice">
    <input type="radio" name="pack" value="${pack.id}" data-coin="${code}" ${chosen ? 'checked' : ''} />
    <strong>${pack.name}</strong>
    <span class="soft">${new Intl.NumberFormat('en').format(pack.coins)} ${code}</span>
    <span class="amount" data-price="${pack.price}" data-currency="${pack.currency}"></span>
  </label>`;
}

function renderSpend(): Markup {
  return html`<section class="card" aria-labelledby="spend-title">
    <h2 id="spend-title">Spend</h2>
    <form id="spend" class="grid">
      ${renderSay('spend')}
      <div class="grid pair">
        <div>
          <label for="spend-amount">Amount</label>
          <input id="spend-amount" name="amount" type="number" inputmode="numeric" min="1" max="${amountMax}" step="1"
            required />
        </div>
        <div>
          <label for="spend-reference">What for? <span class="soft">(optional)</span></label>
          <input id="spend-reference" name="reference" maxlength="255" autocomplete="off" />
        </div>
      </div>
      <div><button type="submit">Spend</button></div>
    </form>
  </section>`;
}

function renderHistory(): Markup {
  return html`<section class="card" aria-labelledby="history-title">
    <h2 id="history-title">History</h2>
    <p id="history-empty" class="soft">Nothing has happened here yet. Buy some coins to begin.</p>
    <ul id="history" class="list"></ul>
    <template id="history-line">
      <li>
        <span class="what"><span data-part="kind"></span><span data-part="reference"></span><br />
          <time data-part="time" class="soft small"></time></span>
        <span class="figures"><span data-part="amount" class="amount"></span><br />
          <span data-part="after" class="soft small"></span></span>
        <button data-part="refund" class="quiet small" type="button">Refund</button>
      </li>
    </template>
    <form id="more" hidden>
      ${renderSay('more')}
      <button class="quiet" type="submit">Load more</button>
    </form>
  </section>`;
}

function renderRefund(): Markup {
  return html`<dialog id="refund-dialog" aria-labelledby="refund-title">
    <h2 id="refund-title">Refund</h2>
    <form id="refund" class="grid">
      ${renderSay('refund')}
      <p id="refund-what"></p>
      <input type="hidden" name="operationId" />
      <div>
        <label for="refund-amount">Coins of it to refund</label>
        <input id="refund-amount" name="amount" type="number" inputmode="numeric" min="1" step="1" required />
      </div>
      <dl id="refund-preview" class="sums" aria-live="polite"></dl>
      <div class="row">
        <button id="refund-confirm" type="submit">Confirm the refund</button>
        <button id="refund-cancel" class="quiet" type="button">Cancel</button>
      </div>
    </form>
  </dialog>`;
}
