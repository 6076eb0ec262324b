// The page where a payer pays at the sandbox provider: what is bought, for how much, and two buttons.
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { SandboxPayment } from '#shared/db/sandbox.ts';
import type { ApiEnv } from '../context.ts';
import { type Markup, renderPage } from './layout.ts';

export interface CheckoutView {
  payment: SandboxPayment;
  /** Who sells: the tenant's name. */
  merchant: string;
  /** The payer has just decided here, so the way back may go by itself. */
  decided: boolean;
  /** 409 when the payer asked for what is not possible any more. */
  status: 200 | 409;
}

/** Seconds until the way back goes by itself. */
const returnSeconds = 5;

export function renderCheckout(c: Context<ApiEnv>, view: CheckoutView): Response | Promise<Response> {
  const { payment, merchant, decided, status } = view;
  if (decided && payment.returnUrl !== null) {
    // A header holds ASCII only, which `href` sees to.
    c.header('Refresh', `${returnSeconds}; url=${new URL(payment.returnUrl).href}`);
  }
  const isOpen = payment.status === 'open';
  const price = formatMoney(payment.amount, payment.currency);
  return renderPage(c, {
    title: isOpen ? 'Pay' : outcomeOf(payment).title,
    status,
    home: '',
    main: html`
      <p class="small soft">Sandbox card network. No real money moves here.</p>
      ${isOpen ? '' : outcome(view)}
      <div class="card">
        <p class="soft">${merchant}</p>
        ${isOpen ? html`<h1>${price}</h1>` : html`<h2>${price}</h2>`}
        <p>${payment.description}</p>
        ${isOpen ? decision(payment) : ''}
      </div>
      ${payment.status === 'paid' && payment.disputed === 0 ? bank(payment) : ''}
    `,
  });
}

/** `amount` in the currency's minor unit, as a person reads it. */
function formatMoney(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: currency.toUpperCase() });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

// Addresses are relative, so that the page works below any path of a proxy.
function decision({ ref }: SandboxPayment): Markup {
  return html`
    <form method="post" action="${ref}/pay">
      <fieldset class="grid">
        <legend>Card</legend>
        <label class="choice"><input type="radio" name="card" value="normal" checked />A card that works</label>
        <label class="choice"><input type="radio" name="card" value="no-refunds" />A card that refuses refunds</label>
      </fieldset>
      <p class="row">
        <button type="submit">Pay</button>
        <button type="submit" class="quiet" formaction="${ref}/decline">Decline</button>
      </p>
    </form>`;
}

function bank({ ref }: SandboxPayment): Markup {
  return html`
    <details class="card">
      <summary>Play the payer's bank</summary>
      <form method="post" action="${ref}/dispute">
        <p>The payer says that this payment was not theirs, and the bank takes the money back.</p>
        <button type="submit" class="quiet">Dispute</button>
      </form>
    </details>`;
}

function outcomeOf({ status, disputed }: SandboxPayment): { title: string; text: string } {
  if (status === 'paid' && disputed > 0) {
    return { title: 'Disputed', text: 'The bank took the money back. The merchant is being told.' };
  }
  if (status === 'paid') return { title: 'Paid', text: 'Thank you. What you bought arrives in a moment.' };
  if (status === 'declined')
    return { title: 'Declined', text: 'Nothing was charged. You can start again in the shop.' };
  return {
    title: 'Too late',
    text: 'This checkout has run out, and nothing was charged. Start again in the shop.',
  };
}

function outcome({ payment, merchant, decided }: CheckoutView): Markup {
  const { title, text } = outcomeOf(payment);
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
