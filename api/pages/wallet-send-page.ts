// The parts of the hosted wallet that are there only where a tenant wants them: several coins, and sending them.
import { html } from 'hono/html';
import { amountMax } from '#shared/contracts/operation.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Markup } from './layout.ts';
import { renderSay } from './wallet-sign-in-page.ts';

export function renderCoinChoice({ coin, settings }: Tenant): Markup {
  if (settings.coins.length === 0) return html``;
  return html`<div>
    <label for="coin">Coin</label>
    <select id="coin">
      ${[coin, ...settings.coins].map((each) => html`<option value="${each.code}">${each.symbol} ${each.name}</option>`)}
    </select>
  </div>`;
}

export function renderSend(feeBps: number): Markup {
  const fee = new Intl.NumberFormat('en', { maximumFractionDigits: 2 }).format(feeBps / 100);
  return html`<section class="card" aria-labelledby="send-title">
    <h2 id="send-title">Send</h2>
    <form id="send" class="grid">
      ${renderSay('send')}
      <div>
        <label for="send-to">To whom?</label>
        <input id="send-to" name="toUserId" required maxlength="36" placeholder="the other user's id"
          autocapitalize="none" autocomplete="off" spellcheck="false" />
      </div>
      <div class="grid pair">
        <div>
          <label for="send-amount">How many?</label>
          <input id="send-amount" name="amount" type="number" inputmode="numeric" min="1" max="${amountMax}" step="1"
            required />
        </div>
        <div>
          <label for="send-reference">A word with them <span class="soft">(optional)</span></label>
          <input id="send-reference" name="reference" maxlength="255" autocomplete="off" />
        </div>
      </div>
      ${feeBps === 0 ? '' : html`<p class="soft small">${fee} % of them are the fee.</p>`}
      <div><button type="submit">Send</button></div>
      <p class="soft small">Your own id, for others to send to: <code id="own-id"></code></p>
    </form>
  </section>`;
}
