// How the console shows wallets: which are frozen and why, and how an operator freezes one.
import { html } from 'hono/html';
import type { FreezeView } from '#shared/db/wallet-views.ts';
import type { Markup } from '../pages/layout.ts';
import { cell, count, renderFind, renderNext, renderTag, renderTime, tenantPath } from './console-frame.ts';
import type { FrozenWallet } from './freezes.ts';

const reasonNames: Record<FreezeView['reason'], string> = {
  dispute: 'a dispute is open',
  fraud_warning: 'the provider suspects fraud',
  debt: 'it owes coins',
  operator: 'an operator froze it',
  ban: 'its user is banned',
  erased: 'its user was erased',
};

interface WalletList {
  slug: string;
  data: FrozenWallet[];
  nextCursor: string | null;
  /** What was looked for in vain. */
  find?: string;
}

export function renderWallets({ slug, data, nextCursor, find }: WalletList): Markup {
  const table = html`<table class="stack">
    <thead><tr><th>Wallet of</th><th>Balance</th><th>Owes</th><th>Frozen because</th></tr></thead>
    <tbody>${data.map(
      (wallet) => html`<tr>
        ${cell('Wallet of', html`<a href="${tenantPath(slug, 'wallets', wallet.id)}">${wallet.email ?? wallet.userId}</a>`)}
        ${cell('Balance', `${count(wallet.balance)} ${wallet.currency}`)}
        ${cell('Owes', count(wallet.debt))}
        ${cell('Frozen because', renderFreezes(slug, wallet.freezes))}
      </tr>`,
    )}</tbody>
  </table>`;
  return html`${renderFind('wallet', find)}
    <section class="card" aria-labelledby="frozen">
      <h2 id="frozen">Frozen wallets</h2>
      ${
        data.length === 0
          ? html`<p class="soft">No wallet is frozen.</p>`
          : html`<div class="scroll">${table}</div>`
      }
      ${renderNext(nextCursor)}
    </section>`;
}

/** What holds, each with the button that lifts it. */
function renderFreezes(slug: string, freezes: FreezeView[]): Markup {
  return html`<ul class="list">${freezes.map(
    (freeze) => html`<li>
      <span class="what">${reasonNames[freeze.reason]}${freeze.note ? `: ${freeze.note}` : ''}<br />
        <span class="soft small"><code>${freeze.cause}</code>, ${renderTime(freeze.createdAt)}</span></span>
      ${
        freeze.liftedAt
          ? html`<span class="soft small">lifted ${renderTime(freeze.liftedAt)}</span>`
          : html`<form method="post" action="${tenantPath(slug, 'wallets', freeze.walletId, 'lift')}">
            <input type="hidden" name="cause" value="${freeze.cause}" />
            <button class="quiet small" type="submit">Lift<span class="unseen"> ${freeze.cause}</span></button>
          </form>`
      }
    </li>`,
  )}</ul>`;
}

/** One wallet; `rest` is what follows: where its coins come from, and what was bought for it. */
export function renderWallet(slug: string, wallet: FrozenWallet, rest: Markup): Markup {
  const facts: [string, unknown][] = [
    ['State', renderTag(wallet.frozenReason === null ? 'active' : 'frozen')],
    ['Balance', `${count(wallet.balance)} ${wallet.currency}`],
    ['Of it given', count(wallet.bonus)],
    ['Owes', count(wallet.debt)],
  ];
  return html`<section class="card" aria-labelledby="wallet">
      <h2 id="wallet">Wallet of ${wallet.email ?? wallet.userId}</h2>
      <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <p class="soft small">Wallet <code>${wallet.id}</code><br />User <code>${wallet.userId}</code></p>
    </section>
    <section class="card" aria-labelledby="freezes">
      <h2 id="freezes">Freezes</h2>
      ${
        wallet.freezes.length === 0
          ? html`<p class="soft">It has never been frozen.</p>`
          : renderFreezes(slug, wallet.freezes)
      }
      <form class="row filters" method="post" action="${tenantPath(slug, 'wallets', wallet.id, 'freeze')}">
        <div class="grow">
          <label for="note">Freeze it, because</label>
          <input id="note" name="note" required maxlength="500" autocomplete="off" />
        </div>
        <button type="submit">Freeze</button>
      </form>
      <p class="soft small">Nothing can be spent from a frozen wallet, and no purchase of it refunded. Coins still come in.</p>
    </section>
    ${rest}`;
}
