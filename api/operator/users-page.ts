// How the console shows users: whom there are, and of one how the account stands and what can be done about it.
import { html } from 'hono/html';
import { type UserLine, type UserWhole, userStatuses } from '#shared/db/users.ts';
import type { Markup } from '../pages/layout.ts';
import {
  cell,
  count,
  countOf,
  renderFilters,
  renderFind,
  renderNext,
  renderTag,
  renderTime,
  tenantPath,
} from './console-frame.ts';

interface UserList {
  slug: string;
  data: UserLine[];
  nextCursor: string | null;
  /** What was looked for in vain. */
  find?: string;
  status?: string;
}

const nameOf = (user: UserLine) => user.email ?? user.id;

export function renderUsers({ slug, data, nextCursor, find, status }: UserList): Markup {
  const table = html`<table class="stack">
    <thead><tr><th>User</th><th>Name</th><th>Status</th><th>Since</th></tr></thead>
    <tbody>${data.map(
      (user) => html`<tr>
        ${cell('User', html`<a href="${tenantPath(slug, 'users', user.id)}">${nameOf(user)}</a>`)}
        ${cell('Name', user.name ?? '–')}
        ${cell('Status', renderTag(user.status))}
        ${cell('Since', renderTime(user.createdAt))}
      </tr>`,
    )}</tbody>
  </table>`;
  const empty = status === undefined ? 'Nobody has registered yet.' : `Nobody is ${status}.`;
  return html`${renderFind('user', find)}
    <section class="card" aria-labelledby="users">
      <h2 id="users">Users, newest first</h2>
      ${renderFilters([{ name: 'status', label: 'Status', options: userStatuses, chosen: status }])}
      ${data.length === 0 ? html`<p class="soft">${empty}</p>` : html`<div class="scroll">${table}</div>`}
      ${renderNext(nextCursor, { status })}
    </section>`;
}

export function renderUser(slug: string, user: UserWhole): Markup {
  const facts: [string, unknown][] = [
    ['Status', renderTag(user.status)],
    ['Address', user.emailVerifiedAt ? 'verified' : 'not verified'],
    ['Password', user.hasPassword ? 'set' : 'none'],
    ['Open sessions', count(user.sessions)],
    ['Since', renderTime(user.createdAt)],
  ];
  if (user.bannedAt) facts.push(['Banned', renderTime(user.bannedAt)]);
  if (user.erasedAt) facts.push(['Erased', renderTime(user.erasedAt)]);
  return html`<section class="card" aria-labelledby="user">
      <h2 id="user">${nameOf(user)}</h2>
      ${user.name === null ? '' : html`<p>${user.name}</p>`}
      <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      ${user.banReason === null ? '' : html`<p>Banned because: ${user.banReason}</p>`}
      <p class="soft small">User <code>${user.id}</code></p>
    </section>
    ${renderAccount(slug, user)}
    ${user.status === 'erased' ? renderErased(slug, user) : renderActions(slug, user)}`;
}

/** What hangs on the account: wallets, and the ways into it. */
function renderAccount(slug: string, { wallets, identities, factors }: UserWhole): Markup {
  const frozen = (reason: string | null) => (reason === null ? '' : renderTag('frozen'));
  return html`<section class="card" aria-labelledby="account">
    <h2 id="account">Account</h2>
    <ul class="list">
      ${wallets.map(
        (wallet) => html`<li>
          <span class="what"><a href="${tenantPath(slug, 'wallets', wallet.id)}">Wallet in ${wallet.currency}</a></span>
          <span class="amount">${countOf(wallet.balance, 'coin')}</span> ${frozen(wallet.frozenReason)}
        </li>`,
      )}
      ${identities.map(
        (identity) => html`<li>
          <span class="what">Login by ${identity.provider}${identity.email ? ` as ${identity.email}` : ''}</span>
          <span class="soft small">last ${renderTime(identity.lastUsedAt)}</span>
        </li>`,
      )}
      ${factors.map(
        (factor) => html`<li>
          <span class="what">${factorNames[factor.kind] ?? factor.kind}${factor.name ? `: ${factor.name}` : ''}</span>
          <span class="soft small">since ${renderTime(factor.createdAt)}</span>
        </li>`,
      )}
    </ul>
    ${identities.length + factors.length === 0 ? html`<p class="soft small">No login by others, no second factor.</p>` : ''}
  </section>`;
}

const factorNames: Record<string, string> = {
  totp: 'Authenticator app',
  recovery_code: 'Recovery code',
  passkey: 'Passkey',
};

function renderErased(slug: string, { id }: UserWhole): Markup {
  return html`<section class="card" aria-labelledby="rest">
    <h2 id="rest">What is left</h2>
    <p class="soft">Amounts, times and ids, which the books need. Nobody can use the account any more.</p>
    ${renderExport(slug, id)}
  </section>`;
}

function renderExport(slug: string, id: string): Markup {
  return html`<p><a class="button quiet" download href="/operator/tenants/${slug}/users/${id}/export">Download all data</a></p>`;
}

function renderActions(slug: string, { id, status, sessions }: UserWhole): Markup {
  const action = (name: string) => tenantPath(slug, 'users', id, name);
  return html`<section class="card" aria-labelledby="standing">
      <h2 id="standing">Standing</h2>
      ${
        status === 'banned'
          ? html`<form method="post" action="${action('unban')}"><button type="submit">Lift the ban</button></form>`
          : html`<form class="row filters" method="post" action="${action('ban')}">
              <div class="grow">
                <label for="reason">Ban, because (part of the user's export of data)</label>
                <input id="reason" name="reason" maxlength="500" autocomplete="off" />
              </div>
              <button type="submit">Ban</button>
            </form>
            <p class="soft small">Ends all sessions and freezes the wallet, at once. Coins still come in.</p>`
      }
      ${
        sessions === 0
          ? ''
          : html`<form method="post" action="${action('end-sessions')}">
              <button class="quiet" type="submit">End ${countOf(sessions, 'session')}</button>
            </form>`
      }
    </section>
    <section class="card" aria-labelledby="privacy">
      <h2 id="privacy">Privacy</h2>
      ${renderExport(slug, id)}
      <form class="row filters" method="post" action="${action('erase')}">
        <div class="grow">
          <label for="confirm">Erase the user for good: type “erase”</label>
          <input id="confirm" name="confirm" required pattern="\\s*erase\\s*" autocomplete="off" autocapitalize="none"
            spellcheck="false" />
        </div>
        <button type="submit">Erase</button>
      </form>
      <p class="soft small">Address, name, logins and texts go, and coins that are left are forfeited. The books stay.</p>
    </section>`;
}
