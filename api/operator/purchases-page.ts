// How the console shows purchases: where the money of each is, why it waits, and the two ways out of a review.
import { html } from 'hono/html';
import type { DisputeView, PurchaseView, RefundView } from '#shared/db/purchase-views.ts';
import { purchaseStatuses } from '#shared/ledger/purchase-states.ts';
import type { Markup } from '../pages/layout.ts';
import {
  cell,
  count,
  countOf,
  money,
  renderFilters,
  renderNext,
  renderTag,
  renderTime,
  tenantPath,
} from './console-frame.ts';
import type { WholePurchase } from './purchases.ts';

interface PurchaseList {
  slug: string;
  data: PurchaseView[];
  nextCursor: string | null;
  status?: string;
  /** Only those of one wallet: no filters are shown. */
  walletId?: string;
}

export function renderPurchases({ slug, data, nextCursor, status, walletId }: PurchaseList): Markup {
  const table = html`<table class="stack">
    <thead><tr><th>Purchase</th><th>Price</th><th>Status</th><th>Back</th><th>Wallet owes</th><th>Why</th></tr></thead>
    <tbody>${data.map((purchase) => renderLine(slug, purchase))}</tbody>
  </table>`;
  const empty = status || walletId ? 'There is none.' : 'Nobody has bought anything yet.';
  return html`<section class="card" aria-labelledby="purchases">
    <h2 id="purchases">Purchases</h2>
    ${
      walletId
        ? ''
        : renderFilters([{ name: 'status', label: 'Status', options: purchaseStatuses, chosen: status }])
    }
    ${data.length === 0 ? html`<p class="soft">${empty}</p>` : html`<div class="scroll">${table}</div>`}
    ${walletId ? '' : renderNext(nextCursor, { status })}
  </section>`;
}

function renderLine(slug: string, purchase: PurchaseView): Markup {
  const { id, coins, provider, email, userId, price, currency, refunded, disputed } = purchase;
  const back = [
    refunded > 0 ? `refunded ${money(refunded, currency)}` : '',
    disputed > 0 ? `disputed ${money(disputed, currency)}` : '',
  ].filter((each) => each !== '');
  return html`<tr>
    ${cell(
      'Purchase',
      html`<a href="${tenantPath(slug, 'purchases', id)}">${countOf(coins, 'coin')} by ${provider}</a><br />
        <span class="soft small">${email ?? userId}, ${renderTime(purchase.createdAt)}</span>`,
    )}
    ${cell('Price', html`<span class="amount">${money(price, currency)}</span>`)}
    ${cell('Status', renderTag(purchase.status))}
    ${cell('Back', back.join(', ') || '–')}
    ${cell('Wallet owes', purchase.walletDebt > 0 ? count(purchase.walletDebt) : '–')}
    ${cell('Why', purchase.detail ?? '–')}
  </tr>`;
}

export function renderPurchase(slug: string, purchase: WholePurchase): Markup {
  const { price, currency, came, cameCurrency, refunded, disputed, writtenOff, walletDebt } = purchase;
  const facts: [string, unknown][] = [
    ['Status', renderTag(purchase.status)],
    ['Provider', purchase.provider],
    ['Price', money(price, currency)],
    ...(came !== null && cameCurrency !== null
      ? [['Came', money(came, cameCurrency)] as [string, unknown]]
      : []),
    ['Refunded', money(refunded, currency)],
    ['Disputed', money(disputed, currency)],
    ['Coins undone', count(purchase.coinsUndone)],
    ['Written off', count(writtenOff)],
    ['Wallet owes', count(walletDebt)],
  ];
  return html`<section class="card" aria-labelledby="purchase">
      <h2 id="purchase">${countOf(purchase.coins, 'coin')} for
        <a href="${tenantPath(slug, 'wallets', purchase.walletId)}">${purchase.email ?? purchase.userId}</a></h2>
      ${purchase.detail ? html`<p>${purchase.detail}</p>` : ''}
      ${purchase.frozenReason ? html`<p>${renderTag('frozen')} The wallet is frozen.</p>` : ''}
      <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <p class="soft small">Purchase <code>${purchase.id}</code>, accepted ${renderTime(purchase.createdAt)}<br />
        Checkout <code>${purchase.checkoutRef ?? 'none yet'}</code>, payment <code>${purchase.paymentRef ?? 'none yet'}</code></p>
    </section>
    ${purchase.status === 'review' ? renderReview(slug, purchase) : ''}
    ${renderMoves(purchase.refunds, purchase.disputes)}`;
}

function renderReview(slug: string, { id, coins, came, cameCurrency }: WholePurchase): Markup {
  const paid = came !== null && cameCurrency !== null ? money(came, cameCurrency) : 'what was paid';
  const choice = (decision: string, label: string, quiet: string) => html`<form method="post"
    action="${tenantPath(slug, 'purchases', id, 'review')}">
    <input type="hidden" name="decision" value="${decision}" />
    <button class="${quiet}" type="submit">${label}</button>
  </form>`;
  return html`<section class="card" aria-labelledby="review">
    <h2 id="review">Your decision</h2>
    <p>The payment is not the one that was quoted. Either way it is final.</p>
    <div class="row">
      ${choice('grant', `Take ${paid} and grant ${countOf(coins, 'coin')}`, '')}
      ${choice('refund', `Give ${paid} back`, 'quiet')}
    </div>
  </section>`;
}

function renderMoves(refunds: RefundView[], disputes: DisputeView[]): Markup {
  if (refunds.length + disputes.length === 0) return html``;
  const origins: Record<RefundView['origin'], string> = {
    operation: 'Refund',
    undeliverable: 'Return of the whole payment',
    provider: 'Refund made at the provider',
    surplus: 'Return of a second payment',
  };
  return html`<section class="card" aria-labelledby="moves">
    <h2 id="moves">Money that went back</h2>
    <ul class="list">
      ${refunds.map(
        (
          each,
        ) => html`<li><span class="what">${origins[each.origin]}${each.detail ? `: ${each.detail}` : ''}<br />
          <span class="soft small">${renderTime(each.createdAt)} <code>${each.refundRef ?? each.id}</code></span></span>
          ${renderTag(each.status)} <span class="amount">${money(each.amount, each.currency)}</span></li>`,
      )}
      ${disputes.map(
        (
          each,
        ) => html`<li><span class="what">Dispute${each.reason ? `: ${each.reason}` : ''}${each.outcome ? `, ${each.outcome}` : ''}<br />
          <span class="soft small">${renderTime(each.createdAt)} <code>${each.ref}</code>, asked for ${money(each.amount, each.currency)}</span></span>
          ${renderTag(each.state)} <span class="amount">${money(each.withdrawn, each.currency)}</span></li>`,
      )}
    </ul>
  </section>`;
}
