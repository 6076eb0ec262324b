// The page of the sandbox provider: a payer pays or declines; afterwards one plays the bank and the provider.
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { SandboxPayment } from '#shared/db/sandbox.ts';
import type { ApiEnv } from '../context.ts';
import type { SandboxPicture } from '../sandbox/network.ts';
import { refusalOf } from '../sandbox/refunds.ts';
import { type Markup, renderPage } from './layout.ts';

export interface CheckoutView extends SandboxPicture {
  /** Who sells: the tenant's name. */
  merchant: string;
  /** The payer has just decided here, so the way back may go by itself. */
  decided: boolean;
  /** 409 when the payer asked for what is not possible any more. */
  status: 200 | 409;
  /** The way from the page's address to the folder of all checkouts; relative, to work below any path. */
  folder: string;
}

/** Seconds until the way back goes by itself. */
const returnSeconds = 5;

export function renderCheckout(c: Context<ApiEnv>, view: CheckoutView): Response | Promise<Response> {
  const { payment, merchant, decided, status, folder } = view;
  if (decided && payment.returnUrl !== null) {
    // A header holds ASCII only, which `href` sees to.
    c.header('Refresh', `${returnSeconds}; url=${new URL(payment.returnUrl).href}`);
  }
  const isOpen = payment.status === 'open';
  const price = formatMoney(payment.amount, payment.currency);
  return renderPage(c, {
    title: isOpen ? 'Pay' : outcomeOf(view).title,
    status,
    home: '',
    main: html`
      <p class="small soft">Sandbox card network. No real money moves here.</p>
      ${isOpen ? '' : outcome(view)}
      <div class="card">
        <p class="soft">${merchant}</p>
        ${isOpen ? html`<h1>${price}</h1>` : html`<h2>${price}</h2>`}
        <p>${payment.description}</p>
        ${moneyMoved(payment)}
        ${isOpen ? decision(folder + payment.ref) : ''}
      </div>
      ${payment.status === 'paid' ? bank(view) : ''}
      ${payment.status === 'paid' ? provider(view) : ''}
    `,
  });
}

/** `amount` in the currency's minor unit, as a person reads it. */
function formatMoney(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: currency.toUpperCase() });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

function moneyMoved({ refunded, disputed, currency }: SandboxPayment): Markup {
  return html`
    ${refunded > 0 ? html`<p class="soft">Refunded: ${formatMoney(refunded, currency)}</p>` : ''}
    ${disputed > 0 ? html`<p class="soft">Held by the bank: ${formatMoney(disputed, currency)}</p>` : ''}`;
}

function decision(address: string): Markup {
  return html`
    <form method="post" action="${address}/pay">
      <fieldset class="grid">
        <legend>Card</legend>
        <label class="choice"><input type="radio" name="card" value="normal" checked />A card that works</label>
        <label class="choice"><input type="radio" name="card" value="no-refunds" />A card that refuses refunds</label>
        <label class="choice"><input type="radio" name="card" value="declines-later" />A card that pays this once</label>
      </fieldset>
      <p class="row">
        <button type="submit">Pay</button>
        <button type="submit" class="quiet" formaction="${address}/decline">Decline</button>
      </p>
    </form>`;
}

/** What the payer's bank can do now, if anything. */
function bank({ payment, disputes, folder }: CheckoutView): Markup | string {
  const address = `${folder}${payment.ref}/dispute`;
  if (disputes.some(({ status }) => status === 'open')) {
    return html`
      <details class="card" open>
        <summary>Play the payer's bank</summary>
        <form method="post" action="${address}/win">
          <p>The bank holds the money, and decides now who keeps it.</p>
          <p class="row">
            <button type="submit" class="quiet">The merchant wins</button>
            <button type="submit" class="quiet" formaction="${address}/lose">The merchant loses</button>
          </p>
        </form>
      </details>`;
  }
  if (payment.refunded + payment.disputed >= payment.amount) return '';
  return html`
    <details class="card">
      <summary>Play the payer's bank</summary>
      <form method="post" action="${address}">
        <p>The payer says that this payment was not theirs, and the bank takes the money back.</p>
        <button type="submit" class="quiet">Dispute</button>
      </form>
    </details>`;
}

/** A merchant may return money at the provider itself, past Coinlane; shown while the network would do it. */
function provider({ payment, disputes, folder }: CheckoutView): Markup | string {
  if (refusalOf(payment, disputes, 1) !== undefined) return '';
  return html`
    <details class="card">
      <summary>Play the merchant at the provider</summary>
      <form method="post" action="${folder}${payment.ref}/refund">
        <p>All that is left is refunded by hand, without Coinlane being asked.</p>
        <button type="submit" class="quiet">Refund by hand</button>
      </form>
    </details>`;
}

function outcomeOf({ payment, disputes }: CheckoutView): { title: string; text: string } {
  const newest = disputes.at(-1);
  if (newest?.status === 'won') {
    return { title: 'Dispute won', text: 'The bank gave money back to the merchant, who is being told.' };
  }
  if (newest?.status === 'lost') {
    return { title: 'Dispute lost', text: 'The payer keeps the money. The merchant is being told.' };
  }
  if (newest) {
    return { title: 'Disputed', text: 'The bank took the money back. The merchant is being told.' };
  }
  if (payment.refunded > 0) return { title: 'Refunded', text: 'Money was returned to the payer.' };
  if (payment.status === 'paid') {
    return { title: 'Paid', text: 'Thank you. What you bought arrives in a moment.' };
  }
  if (payment.status === 'declined') {
    return { title: 'Declined', text: 'Nothing was charged. You can start again in the shop.' };
  }
  return {
    title: 'Too late',
    text: 'This checkout has run out, and nothing was charged. Start again in the shop.',
  };
}

function outcome(view: CheckoutView): Markup {
  const { payment, merchant, decided } = view;
  const { title, text } = outcomeOf(view);
  return html`
    <div class="card" role="status">
      <h1>${title}</h1>
      <p>${text}</p>
      ${
        payment.returnUrl === null
          ? ''
          : html`<p><a class="button" href="${payment.returnUrl}" rel="noreferrer">Return to ${merchant}</a></p>
              ${decided ? html`<p class="small soft">You return in ${returnSeconds} seconds.</p>` : ''}`
      }
    </div>`;
}
