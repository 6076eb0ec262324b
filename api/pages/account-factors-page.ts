// The cards of the account page for what users have beside the password: an authenticator app, and passkeys.
import { html } from 'hono/html';
import { renderCard, renderField } from './account-parts.ts';
import type { Markup } from './layout.ts';
import { renderSay } from './wallet-sign-in-page.ts';

export function renderTotp(): Markup {
  return renderCard(
    'totp',
    'Authenticator app',
    html`<p><span id="totp-state" class="tag"></span> <span id="totp-text"></span></p>
      ${renderSay('totp')}
      ${renderCodes()}
      <form id="totp-begin" hidden>
        <button class="quiet" type="submit">Set it up</button>
      </form>
      ${renderSetup()}
      <details id="totp-change" hidden>
        <summary id="totp-change-title">New recovery codes, or remove it</summary>
        <form id="totp-own" class="grid" aria-labelledby="totp-change-title">
          ${renderSay('totp-own')}
          ${renderField(
            'own-code',
            'Code of the app, or a recovery code',
            html`name="code" required maxlength="64" autocomplete="one-time-code" autocapitalize="none" spellcheck="false"`,
          )}
          <div class="row">
            <button type="submit" name="act" value="renew">Make new recovery codes</button>
            <button class="quiet" type="submit" name="act" value="remove">Remove the app</button>
          </div>
        </form>
      </details>`,
  );
}

function renderSetup(): Markup {
  return html`<form id="totp-confirm" class="grid" aria-labelledby="totp-setup-title" hidden>
    <h3 id="totp-setup-title" tabindex="-1">Set up the app</h3>
    ${renderSay('totp-confirm')}
    <p>1. Give this secret to an authenticator app. On the device that has the app, the link does it.</p>
    <div class="row">
      <figure id="totp-qr" hidden>
        <div id="totp-qr-image"></div>
        <figcaption class="soft small">Scan it with the app on another device.</figcaption>
      </figure>
      <div class="grid grow">
        <pre id="totp-secret" aria-label="Secret"></pre>
        <div class="row">
          <a id="totp-link" class="button quiet small">Open the app</a>
          <button id="totp-copy" class="quiet small" type="button">Copy the secret</button>
          <span id="totp-copied" class="soft small" role="status"></span>
        </div>
      </div>
    </div>
    ${renderField(
      'totp-code',
      '2. Type the code that it shows',
      html`name="code" required maxlength="16" inputmode="numeric" autocomplete="one-time-code"`,
    )}
    <div class="row">
      <button type="submit">Turn it on</button>
      <button id="totp-cancel" class="quiet" type="button">Cancel</button>
    </div>
  </form>`;
}

/** Shown once: the server keeps only their hashes. */
function renderCodes(): Markup {
  return html`<div id="codes" class="grid" hidden>
    <h3 id="codes-title" tabindex="-1">Your recovery codes</h3>
    <p>They are shown only now. Each stands in once for a code of the app, in case you lose it: keep them where
      the app is not.</p>
    <pre id="codes-text" aria-labelledby="codes-title"></pre>
    <div class="row">
      <button id="codes-copy" class="small" type="button">Copy the codes</button>
      <button id="codes-close" class="quiet small" type="button">I have kept them</button>
      <span id="codes-copied" class="soft small" role="status"></span>
    </div>
  </div>`;
}

export function renderPasskeys(): Markup {
  return renderCard(
    'passkeys',
    'Passkeys',
    html`<p class="soft">Log in by the lock of a device, such as a finger or a PIN, without a password:
      press “Log in with a passkey”.</p>
      ${renderSay('passkeys')}
      <ul id="passkeys-list" class="list"></ul>
      <p id="passkeys-none" class="soft" hidden>You have none yet.</p>
      <p id="passkeys-closed" class="soft" hidden></p>
      <form id="passkey-add" class="grid" hidden>
        ${renderSay('passkey-add')}
        ${renderField(
          'passkey-name',
          'Name of the new one (optional)',
          html`name="name" maxlength="100" autocomplete="off"`,
          'To tell it from others, such as “Phone”.',
        )}
        <div><button class="quiet" type="submit">Add a passkey</button></div>
      </form>`,
  );
}
