// The part of the hosted wallet that is seen before a login: all ways in, and the way back in.
import { html } from 'hono/html';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { OauthProvider } from '#shared/tenants/settings.ts';
import type { Markup } from './layout.ts';

const providerNames: Record<OauthProvider, string> = { google: 'Google', facebook: 'Facebook' };

/** Where a form says what happened; read aloud when it is filled. */
export function renderSay(id: string): Markup {
  return html`<div id="${id}-say" class="note" role="status" hidden></div>`;
}

export function renderSignedOut(tenant: Tenant, oauth: OauthProvider[]): Markup {
  return html`<h1>${tenant.name}</h1>
    ${renderSay('signed-out')}
    ${renderProviders(oauth)}
    <div class="grid pair">${renderLogin()} ${renderRegister(tenant.settings.passwordLengthMin)}</div>
    ${renderForgot()} ${renderSecondFactor()}`;
}

function renderEmail(id: string): Markup {
  return html`<div>
    <label for="${id}-email">E-mail address</label>
    <input id="${id}-email" name="email" type="email" required maxlength="254" autocomplete="username" />
  </div>`;
}

function renderProviders(oauth: OauthProvider[]): Markup {
  if (oauth.length === 0) return html``;
  return html`<div class="row ways" id="oauth">
    ${oauth.map(
      (provider) => html`<button class="quiet" type="button" data-provider="${provider}">
        Continue with ${providerNames[provider]}</button>`,
    )}
  </div>`;
}

function renderLogin(): Markup {
  return html`<section class="card" aria-labelledby="login-title">
    <h2 id="login-title">Log in</h2>
    <form id="login" class="grid">
      ${renderSay('login')} ${renderEmail('login')}
      <div>
        <label for="login-password">Password</label>
        <input id="login-password" name="password" type="password" required autocomplete="current-password" />
      </div>
      <div class="row apart">
        <button type="submit">Log in</button>
        <button id="forgot-open" class="link" type="button">Forgot your password?</button>
      </div>
    </form>
    <form id="passkey" hidden>
      ${renderSay('passkey')}
      <button class="quiet" type="submit">Log in with a passkey</button>
    </form>
  </section>`;
}

function renderRegister(lengthMin: number): Markup {
  return html`<section class="card" aria-labelledby="register-title">
    <h2 id="register-title">Sign up</h2>
    <form id="register" class="grid">
      ${renderSay('register')} ${renderEmail('register')}
      <div>
        <label for="register-name">Name <span class="soft">(optional)</span></label>
        <input id="register-name" name="name" maxlength="100" autocomplete="name" />
      </div>
      <div>
        <label for="register-password">Password</label>
        <input id="register-password" name="password" type="password" required autocomplete="new-password"
          minlength="${lengthMin}" aria-describedby="password-fault password-hint strength-say" />
        <p id="password-fault" class="fault small" role="alert" hidden></p>
        <div id="strength" hidden>
          <meter id="strength-meter" min="0" max="5" low="2.5" high="3.5" optimum="5"
            aria-label="Strength of the password"></meter>
          <p id="strength-say" class="small" aria-live="polite"></p>
        </div>
        <p id="password-hint" class="soft small">At least ${lengthMin} characters.</p>
      </div>
      <div><button type="submit">Sign up</button></div>
    </form>
  </section>`;
}

function renderForgot(): Markup {
  return html`<dialog id="forgot-dialog" aria-labelledby="forgot-title">
    <h2 id="forgot-title">Forgot your password?</h2>
    <form id="forgot" class="grid">
      ${renderSay('forgot')}
      <p>We send you a link by which you choose a new one.</p>
      ${renderEmail('forgot')}
      <div class="row">
        <button type="submit">Send the link</button>
        <button id="forgot-close" class="quiet" type="button">Close</button>
      </div>
    </form>
  </dialog>`;
}

function renderSecondFactor(): Markup {
  return html`<dialog id="factor-dialog" aria-labelledby="factor-title">
    <h2 id="factor-title">One more step</h2>
    <form id="factor" class="grid">
      ${renderSay('factor')}
      <div>
        <label for="factor-code" id="factor-label"></label>
        <input id="factor-code" name="code" required maxlength="64" autocomplete="one-time-code"
          autocapitalize="none" spellcheck="false" />
      </div>
      <div class="row">
        <button type="submit">Log in</button>
        <button id="factor-cancel" class="quiet" type="button">Cancel</button>
        <button id="factor-other" class="link" type="button"></button>
      </div>
    </form>
    <form id="factor-passkey" hidden>
      ${renderSay('factor-passkey')}
      <button class="quiet" type="submit">Use a passkey instead</button>
    </form>
  </dialog>`;
}
