// How the console shows a tenant's secret keys: what each may do, when it was used, and until when it works.
import { html } from 'hono/html';
import type { ApiKeyRow } from '#shared/db/tenants.ts';
import { apiKeyScopes } from '#shared/tenants/api-keys.ts';
import type { Markup } from '../pages/layout.ts';
import { cell, renderTag, renderTime, tenantPath } from './console-frame.ts';
import type { NewKey } from './keys.ts';

/** How long both keys work after a rotation, in seconds. */
const overlaps: [number, string][] = [
  [0, 'at once'],
  [3600, 'in an hour'],
  [86_400, 'in a day'],
  [604_800, 'in a week'],
];
const usualOverlap = 86_400;

const isExpired = ({ expiresAt }: ApiKeyRow) => expiresAt !== null && expiresAt.getTime() <= Date.now();

export function renderKeys(slug: string, keys: ApiKeyRow[], made?: NewKey): Markup {
  const [live, dead] = [keys.filter(isLive), keys.filter((key) => !isLive(key))];
  return html`${made ? renderMade(made) : ''}
    <section class="card" aria-labelledby="keys">
      <h2 id="keys">Secret keys</h2>
      ${
        live.length === 0
          ? html`<p class="soft">No key works: the platform is shut out until you create one.</p>`
          : html`<ul class="list">${live.map((key) => renderKey(slug, key))}</ul>`
      }
    </section>
    ${renderNewKey(slug)}
    ${dead.length === 0 ? '' : renderDead(dead)}`;
}

function isLive(key: ApiKeyRow): boolean {
  return key.revokedAt === null && !isExpired(key);
}

function renderMade({ key, secretKey }: NewKey): Markup {
  return html`<div class="note" role="status">
    <p><strong>${key.name} is ready.</strong> This is its secret. Copy it now: it is not shown again.</p>
    <label for="secret">Secret key</label>
    <input id="secret" class="secret" readonly autofocus value="${secretKey}" />
  </div>`;
}

function renderKey(slug: string, key: ApiKeyRow): Markup {
  const of = html`<span class="unseen"> ${key.name}, …${key.hint}</span>`;
  const used = key.lastUsedAt ? html`used ${renderTime(key.lastUsedAt)}` : 'never used';
  return html`<li>
    <span class="what"><strong>${key.name}</strong> <code>…${key.hint}</code><br />
      <span class="soft small">${key.scopes.join(', ')}<br />made ${renderTime(key.createdAt)}, ${used}
        ${key.expiresAt ? html`<br />works until ${renderTime(key.expiresAt)}` : ''}</span></span>
    ${key.expiresAt ? renderTag('replaced') : renderRotation(slug, key, of)}
    <form method="post" action="${tenantPath(slug, 'keys', key.id, 'revoke')}">
      <button class="quiet small" type="submit">Revoke${of}</button>
    </form>
  </li>`;
}

function renderRotation(slug: string, key: ApiKeyRow, of: Markup): Markup {
  return html`<form class="row filters" method="post" action="${tenantPath(slug, 'keys', key.id, 'rotate')}">
    <label class="unseen" for="overlap-${key.id}">When ${key.name} ends</label>
    <select id="overlap-${key.id}" name="overlapSeconds">${overlaps.map(
      ([seconds, words]) =>
        html`<option value="${seconds}" ${seconds === usualOverlap ? 'selected' : ''}>ends ${words}</option>`,
    )}</select>
    <button class="quiet small" type="submit">Rotate${of}</button>
  </form>`;
}

function renderNewKey(slug: string): Markup {
  return html`<section class="card" aria-labelledby="new-key">
    <h2 id="new-key">New key</h2>
    <form class="grid" method="post" action="${tenantPath(slug, 'keys')}">
      <div>
        <label for="name">What uses it</label>
        <input id="name" name="name" placeholder="game server" required maxlength="80" autocomplete="off" />
      </div>
      <fieldset>
        <legend>What it may do</legend>
        <div class="row">${apiKeyScopes.map(
          (scope) =>
            html`<label class="choice"><input type="checkbox" name="scopes" value="${scope}" /> ${scope}</label>`,
        )}</div>
      </fieldset>
      <div><button type="submit">Create the key</button></div>
    </form>
  </section>`;
}

function renderDead(keys: ApiKeyRow[]): Markup {
  return html`<section class="card" aria-labelledby="dead">
    <h2 id="dead">Keys that are over</h2>
    <div class="scroll"><table class="stack">
      <thead><tr><th>Key</th><th>Ended</th><th>Last used</th></tr></thead>
      <tbody>${keys.map(
        (key) => html`<tr>
          ${cell('Key', html`${key.name} <code>…${key.hint}</code>`)}
          ${cell('Ended', html`${key.revokedAt ? 'revoked' : 'expired'} ${renderTime(key.revokedAt ?? key.expiresAt ?? key.createdAt)}`)}
          ${cell('Last used', key.lastUsedAt ? renderTime(key.lastUsedAt) : 'never')}
        </tr>`,
      )}</tbody>
    </table></div>
  </section>`;
}
