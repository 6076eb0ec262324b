// How the account page looks before its script has anything to show: its cards, and the form that asks who it is.
import type { Context } from 'hono';
import { html, raw } from 'hono/html';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { OauthProvider } from '#shared/tenants/settings.ts';
import type { ApiEnv } from '../context.ts';
import { renderPasskeys, renderTotp } from './account-factors-page.ts';
import { renderCard, renderField } from './account-parts.ts';
import { type Markup, renderPage } from './layout.ts';
import { renderSay } from './wallet-sign-in-page.ts';

interface AccountPage {
  tenant: Tenant;
  /** Providers of logins that the tenant has a client at. */
  oauth: OauthProvider[];
  /** The public address of this page, where a linking comes back to. */
  address: string;
  /** Of the pages that may use passkeys; null: none. */
  passkeyOrigin: string | null;
  /** Where the scripts are. */
  assets: string;
  /** Where the libraries are. */
  libraries: { webauthn: string; qr: string };
}

export function renderAccount(c: Context<ApiEnv>, page: AccountPage) {
  const { tenant, oauth, address, passkeyOrigin, assets, libraries } = page;
  const home = `/w/${tenant.slug}`;
  const forClient = {
    tenant: tenant.slug,
    name: tenant.name,
    coin: tenant.coin.code,
    home,
    address,
    oauth,
    passkeyOrigin,
    ...libraries,
  };
  return renderPage(c, {
    title: `${tenant.name} account`,
    home,
    modules: [`${assets}/account-client.js`],
    main: html`
      <script type="application/json" id="settings">${raw(JSON.stringify(forClient).replaceAll('<', '\\u003c'))}</script>
      <noscript><div class="note bad">This page needs JavaScript.</div></noscript>
      <div id="account" hidden>
        <div class="row apart">
          <h1>Your account</h1>
          <form id="logout" class="row">
            <a href="${home}">Back to the wallet</a>
            <button class="link" type="submit">Log out</button>
            <span id="logout-say" hidden></span>
          </form>
        </div>
        ${renderProfile()}
        ${renderPassword(tenant.settings.passwordLengthMin)}
        ${renderTotp()}
        ${renderPasskeys()}
        ${renderDevices()}
        ${renderLogins(tenant.name)}
        ${renderData()}
        ${renderConfirm()}
      </div>`,
  });
}

function renderProfile(): Markup {
  return renderCard(
    'profile',
    'You',
    html`<ul class="list">
        <li><span class="what"><span class="soft small">Name</span><br /><span id="profile-name"></span></span></li>
        <li>
          <span class="what"><span class="soft small">E-mail address</span><br /><span id="profile-email"></span></span>
          <span id="email-state" class="tag"></span>
        </li>
      </ul>
      <form id="resend" hidden>
        ${renderSay('resend')}
        <p class="soft">Follow the link in our mail, so that we know that it is yours.</p>
        <button class="quiet small" type="submit">Send the mail again</button>
      </form>
      <details>
        <summary id="change-email-title"></summary>
        <form id="change-email" class="grid" aria-labelledby="change-email-title">
          ${renderSay('change-email')}
          ${renderField(
            'new-email',
            'New e-mail address',
            html`name="email" type="email" required maxlength="254" autocomplete="email"`,
            'We send a link there. Nothing changes before you follow it.',
          )}
          <div><button type="submit">Send the link</button></div>
        </form>
      </details>`,
  );
}

/** Also for whoever has none yet: only the mail tells them apart, so the way by mail is always open. */
function renderPassword(lengthMin: number): Markup {
  return html`<section id="password" class="card" aria-labelledby="password-title">
    <h2 id="password-title" tabindex="-1">Password</h2>
    <details>
      <summary id="change-password-title">Change the password</summary>
      <form id="change-password" class="grid" aria-labelledby="change-password-title">
        ${renderSay('change-password')}
        <span class="unseen" aria-hidden="true">
          <input id="password-user" type="text" autocomplete="username" tabindex="-1" readonly />
        </span>
        ${renderField(
          'current-password',
          'Current password',
          html`name="currentPassword" type="password" required autocomplete="current-password"`,
        )}
        <div>
          <label for="new-password">New password</label>
          <input id="new-password" name="newPassword" type="password" required autocomplete="new-password"
            minlength="${lengthMin}" aria-describedby="new-password-fault new-password-hint strength-say" />
          <p id="new-password-fault" class="fault small" role="alert" hidden></p>
          <div id="strength" hidden>
            <meter id="strength-meter" min="0" max="5" low="2.5" high="3.5" optimum="5"
              aria-label="Strength of the password"></meter>
            <p id="strength-say" class="small" aria-live="polite"></p>
          </div>
          <p id="new-password-hint" class="soft small">At least ${lengthMin} characters. Your other devices are logged out.</p>
        </div>
        <div><button type="submit">Change the password</button></div>
      </form>
    </details>
    <form id="forgot">
      ${renderSay('forgot')}
      <p class="soft">You have none yet, or forgot it? By a link in a mail you choose a new one.</p>
      <button class="quiet small" type="submit">Send me the link</button>
    </form>
  </section>`;
}

function renderDevices(): Markup {
  return renderCard(
    'devices',
    'Devices',
    html`<p class="soft">Where you are logged in.</p>
      ${renderSay('devices')}
      <ul id="devices-list" class="list"></ul>
      <p id="devices-alone" class="soft" hidden>You are logged in nowhere else.</p>
      <button id="devices-end" class="quiet" type="button" hidden>Log out all others</button>`,
  );
}

function renderLogins(tenantName: string): Markup {
  return renderCard(
    'logins',
    'Other logins',
    html`<p class="soft">Log in at ${tenantName} with an account that you have elsewhere.</p>
      ${renderSay('logins')}
      <ul id="logins-list" class="list"></ul>
      <p id="logins-none" class="soft" hidden>${tenantName} does not offer this, and nothing is linked.</p>`,
  );
}

function renderData(): Markup {
  return html`<section id="data" class="card" aria-labelledby="data-title">
    <h2 id="data-title" tabindex="-1">Your data</h2>
    <form id="export">
      ${renderSay('export')}
      <p class="soft">All that is held about you, as one file.</p>
      <button class="quiet" type="submit">Download your data</button>
    </form>
    <details>
      <summary id="erase-title">Erase the account</summary>
      <form id="erase" class="grid" aria-labelledby="erase-title">
        ${renderSay('erase')}
        <p>What is personal is erased, and all your devices are logged out. <span id="erase-coins"></span>
          Nobody can undo it.</p>
        ${renderField(
          'erase-word',
          'Type the word “erase”',
          html`name="word" required maxlength="20" autocomplete="off" autocapitalize="none" spellcheck="false"`,
        )}
        <div><button type="submit">Erase my account for good</button></div>
      </form>
    </details>
  </section>`;
}

/** One form, which moves to the card whose work waits for it. */
function renderConfirm(): Markup {
  return html`<form id="confirm" class="note grid" aria-labelledby="confirm-title" hidden>
    <div>
      <h3 id="confirm-title">Confirm that it is you</h3>
      <p>You have been logged in for a while. Then it goes on by itself.</p>
    </div>
    ${renderSay('confirm')}
    <div>
      <label for="confirm-proof" id="confirm-label"></label>
      <input id="confirm-proof" name="proof" required aria-describedby="confirm-proof-fault" autocapitalize="none"
        spellcheck="false" />
      <p id="confirm-proof-fault" class="fault small" role="alert" hidden></p>
    </div>
    <div class="row">
      <button type="submit">Confirm</button>
      <button id="confirm-cancel" class="quiet" type="button">Cancel</button>
    </div>
    <div class="row">
      <button id="confirm-other" class="link" type="button" hidden></button>
      <button id="confirm-passkey" class="link" type="button" hidden>Use a passkey</button>
      <button id="confirm-login" class="link" type="button">Log in again instead</button>
    </div>
  </form>`;
}
